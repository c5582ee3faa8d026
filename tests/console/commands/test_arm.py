"""Whose arm `hold`, `rest` and `release` mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.commands.arm import live_arm
from services.folders import DataFolder
from services.live.event_log import EventLog
from services.live.requests import TrainRequest, write_request
from sessions.models import SessionKind
from tests.support.runs import make_folder, session_id, started


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def alive(folder: DataFolder, number: int, kind: SessionKind, bench: str = "", *, told: bool = True) -> EventLog:
    """A run whose worker lives; not `told`: it has not said yet what it is."""
    run = folder.run(session_id(number))
    run.root.mkdir(parents=True)
    if kind is SessionKind.TRAIN:
        write_request(run, TrainRequest(data_dir=str(folder.root), dataset="cubes", policy="act", name="a", steps=1))
    log = EventLog(run)
    if told:
        log.append(started(session_id(number), kind=kind, bench=bench))
    return log


@pytest.mark.parametrize("told", [True, False])
def test_a_training_has_no_arm(folder: DataFolder, told: bool) -> None:
    with alive(folder, 1, SessionKind.TRAIN, told=told):
        assert live_arm(folder, None) is None


def test_the_session_beside_a_training_has_the_arm(folder: DataFolder) -> None:
    with alive(folder, 1, SessionKind.EVAL, "sim"), alive(folder, 2, SessionKind.TRAIN):
        run = live_arm(folder, None)
        assert run is not None and run.id == session_id(1)
        assert live_arm(folder, "so101") is None

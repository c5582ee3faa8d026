"""Starting a worker and the log's scribe: two processes, whose failures are not each other's."""

from __future__ import annotations

import logging
import os
import resource
import stat
import time
from pathlib import Path

import pytest

from services.bench.profiles import load_benches
from services.folders import DataFolder, FolderProblem
from services.live import launch as launching
from services.live.launch import launch, log_tail
from services.live.requests import BenchRequest, Purpose, TrainRequest
from tests.support.fake_desk import sim_profile
from tests.support.runs import make_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder whose worker is a program that prints the folder that it was given, and is gone."""
    monkeypatch.setitem(launching.WORKERS, "BenchRequest", "compileall")
    return make_folder(tmp_path)


def request(folder: DataFolder) -> BenchRequest:
    return BenchRequest(data_dir=str(folder.root), profile=sim_profile(), purpose=Purpose.HOLD)


def test_a_scribe_that_cannot_start_is_a_warning_and_the_worker_runs(
    folder: DataFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.root / "scribe.log").mkdir()  # no file can be opened there
    run = launch(folder, request(folder))
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1 and "the session runs" in warned[0] and "scribe.log" in warned[0]
    give_up = time.monotonic() + 20
    while f"Listing '{run.root}'" not in run.log.read_text():
        assert time.monotonic() < give_up, "the worker did not run"
        time.sleep(0.02)
    assert any("scribe cannot be started" in line for line in log_tail(run))


def test_a_worker_that_cannot_start_is_an_error(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching.sys, "executable", str(folder.root / "no-python"))
    with pytest.raises(OSError, match="no-python"):
        launch(folder, request(folder))


@pytest.mark.parametrize(("shared", "mode"), [(False, 0o700), (True, 0o755)])
def test_a_run_folder_is_private_unless_lab_toml_shares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool, mode: int
) -> None:
    lab = tmp_path / "lab.toml"
    bench = '[bench.sim-state]\nrobot = { type = "sim_so101_follower" }\nsim = {}\n'
    lab.write_text(f"{'share_runs = true' if shared else ''}\n{bench}")
    profile = load_benches(lab).pick("sim-state")
    folder = make_folder(tmp_path)
    monkeypatch.setattr(launching, "spawn", lambda run, module: None)
    monkeypatch.setattr(launching, "start_scribe", lambda folder: None)
    before = os.umask(0o022)
    try:
        arm = BenchRequest(data_dir=str(folder.root), profile=profile, purpose=Purpose.HOLD)
        train = TrainRequest(
            data_dir=str(folder.root), dataset="d", policy="act", name="n", steps=1, shared=profile.share_runs
        )
        for request in (arm, train):
            run = launching.launch(folder, request)
            assert stat.S_IMODE(run.root.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_full_disk_starts_no_session_and_leaves_no_folder(folder: DataFolder) -> None:
    """The kernel refuses every byte of a file, as a full disk does."""
    request = BenchRequest(data_dir=str(folder.root), profile=sim_profile(), purpose=Purpose.HOLD)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(FolderProblem, match=r"no session was started: .* cannot be written: the disk is full"):
            launch(folder, request)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not list(folder.runs.iterdir())

"""What a bench looks like, cell by cell: few pictures, with a fixed clock, size and state."""

from __future__ import annotations

import asyncio
import time

import pytest

from console.app import build
from screens.frame import LabScreen
from services import events as ev
from services.bench import Benches
from services.folders import DataFolder
from services.snapshots import Phase
from tests.screens.fake import NOON, FakeWorker, empty_folder, sim_profile


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, wherever the test runs."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(LabScreen, "now", lambda self: NOON)
    yield
    monkeypatch.undo()
    time.tzset()


def recording_console(folder: DataFolder):
    """(app, run_before): the console attached to a sitting in its 12th take."""
    profile = sim_profile()
    app = build(folder, Benches({"sim": profile}, "sim", None), profile, demo=False, attach=None, headless=True)

    async def attach(pilot) -> None:
        worker = FakeWorker(folder, run=folder.run("20260202-024000-cafe"), at=NOON, target_episodes=50)
        await worker.start()
        worker.phase(Phase.READY)
        for take in range(11):
            worker.take(accepted=take != 2, flags=("overhead black",) if take == 5 else ())
        worker.phase(Phase.RECORDING)
        worker.tell(ev.TakeStarted(take=12))
        worker.alarm_camera()
        await app.desk.attach(worker.run)
        app.switch_mode("record")
        for _ in range(8):
            worker.telemetry(take_seconds=7.4, cameras={})
            await asyncio.sleep(0.05)
            await pilot.pause()

    return app, attach


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_recording(still, snap_compare, tmp_path, size):
    app, attach = recording_console(empty_folder(tmp_path / "lab"))
    assert snap_compare(app, terminal_size=size, run_before=attach)

"""Eight screens, pinned cell by cell: text, colours and attributes, at 120x40 with clock and data standing still.

The pictures are plain text below `looks/`, so that a change reads as a diff: first what is written, then one letter
per cell for its style, then what the letters mean. After a change that is meant, look at it and write them anew:

    LAB_CONSOLE_LOOKS=write uv run pytest tests/screens/test_looks.py

Cells are compared rather than SVG files (pytest-textual-snapshot): those were not stable in two test processes.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from screens.frame.lab_screen import LabScreen
from screens.widgets.rows import RowList
from services.live import events as ev
from services.live.phases import Phase
from sessions.models import SessionKind, Verdict
from tests.support.fake_desk import NOON, FakeWorker, empty_folder, past_session
from tests.support.fake_training import FakeTraining

LOOKS = Path(__file__).parent / "looks"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
NOW = NOON + 95.0
ID = "20260202-024000-aaaa"
pytestmark = pytest.mark.xdist_group("looks")  # one id, and so one socket: never two of these at once


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock, time zone, disk and terminal, the same everywhere and for good."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(LabScreen, "now", lambda _: NOW)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=1e12, used=7e11, free=212_000_000_000))


def look(console) -> str:
    """Every cell of the screen: its character, and a letter for its style."""
    known: dict[str, str] = {}
    written, drawn = [], []
    for strip in console.app.screen._compositor.render_strips():
        letters = ""
        for segment in strip:
            style = str(segment.style or "none")
            if style not in known:
                known[style] = LETTERS[len(known)] if len(known) < len(LETTERS) else "*"
            letters += known[style] * segment.cell_length
        written.append(strip.text)
        drawn.append(letters)
    legend = [f"{letter} {style}" for style, letter in known.items() if letter != "*"]
    return "\n".join((*written, "", *drawn, "", *legend, ""))


async def looks_like(console, name: str) -> None:
    """The screen, once it stands still, is the one kept as `name`."""
    before, seen = "", look(console)
    for _ in range(100):
        if before == seen:
            break
        await asyncio.sleep(0.05)
        await console.pilot.pause()
        before, seen = seen, look(console)
    path = LOOKS / f"{name}.txt"
    if os.environ.get("LAB_CONSOLE_LOOKS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(seen, encoding="utf-8")
    kept = path.read_text("utf-8")
    changes = difflib.unified_diff(kept.splitlines(), seen.splitlines(), "kept", "now", lineterm="", n=1)
    assert seen == kept, f"{name} looks different:\n" + "\n".join(changes)


@pytest.fixture
async def worker(tmp_path):
    """A scripted worker whose session has the same id and times in every run."""
    made: list[FakeWorker] = []

    async def make(kind: SessionKind = SessionKind.RECORD, **started) -> FakeWorker:
        folder = empty_folder(tmp_path / "lab")
        fake = FakeWorker(folder, kind=kind, run=folder.run(ID), at=NOON, **started)
        made.append(fake)
        return await fake.start()

    yield make
    for fake in made:
        await fake.stop()


async def test_bench_with_what_was_done_today(open_console):
    async with open_console() as console:
        past_session(console.folder, "20260202-010000-aaaa", at=NOON - 6000)
        past_session(console.folder, "20260202-020000-bbbb", at=NOON - 2000, dataset="stack_cubes")
        console.screen._refresh_all()
        await console.until(lambda: len(console.screen.query_one(RowList).lines) == 3)
        await looks_like(console, "bench")


async def test_record_with_its_form(open_console):
    async with open_console() as console:
        await console.press("f3")
        await console.sees("a new dataset")
        await looks_like(console, "record-form")


async def test_record_during_a_take_with_a_black_camera(open_console, worker):
    async with open_console() as console:
        fake = await worker(target=3)
        fake.take()
        fake.take(flags=("overhead black",))
        await console.attach(fake)
        fake.phase(Phase.RECORDING, "take 3")
        fake.tell(ev.TakeStarted(take=3))
        fake.alarm_camera()
        fake.telemetry(at=NOW)
        await console.until(lambda: bool(fake.sizes))
        fake.telemetry(at=NOW, take_seconds=7.4, take_frames=222)
        await console.until(lambda: console.screen.query_one("#right").text == "7.4")
        await looks_like(console, "record-take")


async def test_evaluate_while_a_trial_waits_for_its_verdict(open_console, worker):
    async with open_console() as console:
        fake = await worker(SessionKind.EVAL)
        fake.trial(Verdict.SUCCESS)
        fake.trial(Verdict.FAILURE, failure_mode="grasps air")
        fake.trial()
        await console.attach(fake, "evaluate")
        fake.telemetry(at=NOW)
        await console.until(lambda: bool(fake.sizes))
        fake.telemetry(at=NOW, infer_ms=41.0, action_queue=38)
        await console.sees("queue 38")
        await looks_like(console, "evaluate-judge")


async def test_train_with_its_curves(open_console, tmp_path):
    folder = empty_folder(tmp_path / "lab")
    training = FakeTraining(folder, at=NOON, run=folder.run(ID))
    await training.begin()
    training.train(300)
    training.save_checkpoint(2000)
    try:
        async with open_console() as console:
            await console.press("f4")
            await console.until(lambda: console.screen.id == "train" and console.desk.training.looked)
            await console.sees("2,000  0.0410")
            await console.until(lambda: len(console.desk.training.curves or ()) == 300)
            await looks_like(console, "train")
    finally:
        await training.stop()


@pytest.fixture
def a_log():
    def fill(folder) -> None:
        for number, kind in enumerate((SessionKind.RECORD, SessionKind.BENCH, SessionKind.RECORD)):
            past_session(folder, f"20260201-0{number}0000-aaaa", at=NOON - 90_000 + 3600 * number, kind=kind)

    return fill


async def test_log_with_its_list(open_console, a_log):
    async with open_console() as console:
        a_log(console.folder)
        await console.press("f7")
        await console.sees("pick_place")
        await looks_like(console, "log")


async def test_log_with_a_session_open(open_console, a_log):
    async with open_console() as console:
        a_log(console.folder)
        await console.press("f7")
        await console.sees("pick_place")
        await console.press("enter")
        await console.sees("session 20260201")
        await looks_like(console, "log-session")


async def test_the_keys_of_record(open_console, worker):
    async with open_console() as console:
        fake = await worker()
        await console.attach(fake)
        fake.telemetry(at=NOW)
        await console.sees("loop 30.0 Hz")
        await console.press("question_mark")
        await console.sees("end the session")
        await looks_like(console, "record-keys")

"""The run that was asked for last is the one that Train shows."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from screens.desk import run_shelf
from tests.support.fake_desk import NOON, empty_folder
from tests.support.past_trainings import past_training

OLD, NEW = "20260201-010000-aaaa", "20260202-010000-aaaa"


async def test_a_run_that_is_newer_than_the_list_is_opened(open_console, tmp_path):
    async with open_console() as console:
        runs = console.desk.runs
        runs.look()
        await console.until(lambda: runs.listed)
        past_training(console.folder, OLD, name="old", at=NOON - 200_000)
        runs.open(OLD)
        await console.until(lambda: runs.shown.id == OLD)


async def test_a_run_that_was_chosen_stays_though_the_newest_is_read_later(open_console, tmp_path, monkeypatch):
    """Bench opens an old run; Train, where nothing is shown yet, begins to read the newest at the same time."""
    folder, go_on, read = empty_folder(tmp_path / "lab"), threading.Event(), run_shelf._read
    past_training(folder, OLD, name="old", at=NOON - 200_000)
    past_training(folder, NEW, name="new", at=NOON - 100_000)

    def slow(folder, run, before):
        if run.id == NEW:
            go_on.wait(20)
        return read(folder, run, before)

    monkeypatch.setattr(run_shelf, "_read", slow)
    async with open_console() as console:
        runs = console.desk.runs
        nothing = SimpleNamespace(
            looked=True, shown=False, run=None, live=False, snapshot=SimpleNamespace(started=None)
        )
        monkeypatch.setattr(runs, "_watch", nothing)
        runs.look()
        await console.until(lambda: runs.listed)
        runs.settle()
        await console.until(lambda: NEW in runs._opening)
        runs.open(OLD)
        await console.until(lambda: runs._shown == OLD)
        go_on.set()
        await console.until(lambda: NEW in runs._opened)
        assert runs._shown == OLD
        monkeypatch.undo()

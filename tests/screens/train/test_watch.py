"""A training that was started elsewhere, on Train: its runs, its curves as they grow, and how it stands."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from screens.desk import log_watch
from screens.desk.log_watch import LogWatch
from screens.widgets.plot import Plot
from screens.widgets.rows import RowList
from services.folders import DataFolder
from services.log import logbook
from services.training.watching import log_file
from services.training.watching.source import open_source
from tests.services.training.watching.logs import head, line, log, message

EVIL = "\x1b]0;owned\x07\x1b[2J[bold red]torch.OutOfMemoryError: [/]CUDA out of memory\u202e"


async def test_a_log_is_watched_as_it_grows_and_kept(open_console, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    saved = line(8, "Checkpoint policy after step 1000")
    path.write_text(head(steps=2000) + log(range(200, 1001, 200)) + saved)
    async with open_console((120, 40)) as console:
        desk = console.desk
        desk.runs.follow_log(open_source(desk.folder, str(path)))
        await console.press("f4")
        await console.until(lambda: "step 1,000 of 2,000" in console.text("#headline"))
        assert "WATCHED" in console.text("#headline")
        assert "started elsewhere: stop it there" in console.text("#underline")
        assert "lab/cubes" in console.everything, "the dataset"
        await console.until(lambda: len(desk.runs.shown.snapshot.training.checkpoints) == 1)
        assert not desk.runs.shown.evaluable, "a log does not tell where checkpoints are"
        assert "evaluate" not in console.everything.splitlines()[-1]
        assert console.screen.query_one("#loss", Plot).drawn
        assert not console.screen.query("#dataset"), "no form: there is a run to show"
        with path.open("a") as file:
            file.write(line(9, message(1200)) + head(log_freq=100) + log([100, 200]))
        await console.until(lambda: "step 200 of 20,000" in console.text("#headline"))
        assert len(console.screen.query_one("#runs-rows", RowList).lines) == 2
        await console.press("down", "enter")
        await console.until(lambda: "step 1,200" in console.text("#headline"))
        await console.press("up", "space")
        await console.until(lambda: len(desk.runs.beside) == 1)
        await console.press("c")
        await console.sees("1,200 of 2,000, watched")
        await console.press("c", "K")
        await console.until(lambda: len(logbook.sessions(desk.folder).sessions) == 2)
        with path.open("a") as file:
            file.write("Traceback (most recent call last):\n" + EVIL + "\n")
        await console.press("enter")
        await console.until(lambda: "FAILED" in console.text("#headline"))
        assert "torch.OutOfMemoryError: [/]CUDA out of memory" in console.everything
        assert "owned" not in console.everything
        assert "\x1b" not in console.text("#underline")


async def test_estimates_and_silence_are_said(open_console, tmp_path: Path) -> None:
    path = tmp_path / "tail.log"
    path.write_text(log([6200]))
    async with open_console((100, 30)) as console:
        desk = console.desk
        os.utime(path, (console.screen.now() - 180, console.screen.now() - 180))
        desk.runs.follow_log(open_source(desk.folder, str(path)))
        await console.press("f4")
        await console.until(lambda: "step ~6,000" in console.text("#headline"))
        assert "no line for 3 m" in console.text("#underline")
        assert "estimated" in console.text("#underline")


async def test_a_log_that_cannot_be_read_for_a_while_is_followed_again(tmp_path: Path) -> None:
    path, said = tmp_path / "train.log", list[str]()
    path.write_text(log([200]))
    source, failures = open_source(DataFolder(tmp_path), str(path)), iter([OSError(116, "Stale file handle")] * 2)
    read = source.read

    def stale() -> bool:
        if error := next(failures, None):
            raise error
        return read()

    source.read = stale  # type: ignore[method-assign]
    grew = asyncio.Event()
    watch = LogWatch(SimpleNamespace(notice=said.append), DataFolder(tmp_path), source, lambda _: grew.set())  # type: ignore[arg-type]
    following = asyncio.create_task(watch.follow())
    async with asyncio.timeout(20):
        await grew.wait()
    following.cancel()
    assert said == [f"{path} cannot be read (Stale file handle); it is tried again"]
    assert len(watch.curves["watch:1"]) == 1


async def test_what_one_look_at_a_long_log_leaves_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_watch, "EVERY_S", 60.0)
    monkeypatch.setattr(log_file, "BEGINNING", 1000)
    monkeypatch.setattr(log_file, "CHUNK", 1000)
    path, seen = tmp_path / "train.log", asyncio.Queue[int]()
    path.write_text(head(steps=20_000) + log(range(200, 20_001, 200)))

    def grew(_: str) -> None:
        seen.put_nowait(len(watch.curves["watch:1"]))

    watch = LogWatch(SimpleNamespace(), DataFolder(tmp_path), open_source(DataFolder(tmp_path), str(path)), grew)  # type: ignore[arg-type]
    following = asyncio.create_task(watch.follow())
    async with asyncio.timeout(20):
        counts = [await seen.get()]
        while counts[-1] < 100:
            counts.append(await seen.get())
    following.cancel()
    assert counts[0] < 100, "the beginning is shown first"

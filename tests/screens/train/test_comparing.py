"""The comparison on Train: the overlaid runs, what differs, and what of it is explained; over steps or hours."""

from __future__ import annotations

import os
from pathlib import Path

from screens.train.compare_view import ComparisonText
from screens.train.lists import RunsPanel
from screens.widgets.line import Line
from screens.widgets.plot import Plot
from services.log.importing import adding, training
from services.log.importing.file import read
from tests.support.fake_desk import empty_folder

HISTORY = Path(__file__).parents[2] / "bench_history.toml"
LOOK = os.environ.get("LAB_CONSOLE_SHOW")


def look(console, name: str) -> None:
    if LOOK:
        Path(LOOK, f"{name}.txt").write_text(console.everything)


def said(console) -> str:
    widget = console.screen.query_one(ComparisonText)
    return " ".join(widget.content(widget.size.width or 80).plain.split())


async def choose(console, name: str) -> None:
    panel = console.screen.query_one(RunsPanel)
    await console.press(*["up"] * 8)
    for _ in range(8):
        if panel.chosen is not None and panel.chosen.name == name:
            return
        await console.press("down")
    raise AssertionError(name)


async def compared(console) -> None:
    """D3 shown, D4 beside it, and the comparison open."""
    await console.press("f4")
    await console.until(lambda: len(console.desk.runs.runs) == 7 and console.desk.runs.shown.exists)
    if console.screen.has_class("-compact"):
        await console.press("d")
    await choose(console, "D3")
    await console.press("enter")
    await console.until(lambda: console.desk.runs.shown.curves is not None and "D3" in console.text("#headline"))
    if console.screen.has_class("-compact"):
        await console.press("d")
    await choose(console, "D4")
    await console.press("space")
    await console.until(lambda: len(console.desk.runs.beside) == 1)
    await console.press("c")
    await console.until(lambda: "one camera is decoded instead of two" in said(console))


async def test_overlaid_runs_are_compared_at_any_size(open_console, tmp_path, monkeypatch):
    folder = empty_folder(tmp_path / "lab")
    adding.add(folder, training.imports(read(HISTORY)))
    async with open_console((200, 60)) as console:
        copied: list[str] = []
        monkeypatch.setattr(console.app, "copy_to_clipboard", copied.append)
        await compared(console)
        head = console.screen.query_one("#compare-head", Line).text
        assert head.startswith("2 runs compared") and "c or Esc closes this" in head
        plot = console.screen.query_one("#compare-loss", Plot)
        await console.until(lambda: "step" in plot.text)
        look(console, "200x60")
        assert "data time fell 74 %" in said(console) and "D3 left out overhead" in said(console)
        assert "y copy" in console.keys and "space overlay" not in console.keys
        await console.press("A", "A", "A")
        await console.until(lambda: "hours" in plot.text)
        await console.press("y")
        assert copied and copied[0].startswith("# D3 against D4")
        look(console, "200x60-hours")
        await console.press("z", "z")
        await console.until(lambda: not console.screen.query_one("#compare-page").is_on_screen)
        await console.press("c")
        await console.until(lambda: console.screen.query_one(RunsPanel).is_on_screen)
        assert "space overlay" in console.keys and "y copy" not in console.keys
        look(console, "200x60-after")


async def test_a_small_terminal_shows_the_table_or_the_curves(open_console, tmp_path):
    folder = empty_folder(tmp_path / "lab")
    adding.add(folder, training.imports(read(HISTORY)))
    async with open_console((80, 24)) as console:
        await compared(console)
        page, plot = console.screen.query_one("#compare-page"), console.screen.query_one("#compare-loss", Plot)
        await console.until(lambda: page.is_on_screen and not plot.is_on_screen)
        look(console, "80x24")
        await console.press("pagedown")
        await console.until(lambda: page.scroll_y > 0)
        await console.press("up")
        await console.press("z")
        await console.until(lambda: plot.is_on_screen and not page.is_on_screen)
        await console.until(lambda: "step" in plot.text)
        look(console, "80x24-curves")
        for size in ((60, 15), (120, 40)):
            await console.pilot.resize_terminal(*size)
            await console.press("z")
            await console.pilot.pause()
            look(console, f"{size[0]}x{size[1]}")
            assert "2 runs compared" in console.screen.query_one("#compare-head", Line).text
        await console.press("escape")
        await console.until(lambda: not console.screen.has_class("-compare"))
        await console.press("c")
        await console.until(lambda: console.screen.has_class("-compare"))
        await console.press("N")
        await console.until(lambda: not console.screen.has_class("-compare"))


async def test_one_run_is_no_comparison_and_says_how_to_get_one(open_console, tmp_path):
    folder = empty_folder(tmp_path / "lab")
    adding.add(folder, training.imports(read(HISTORY))[:1])
    async with open_console((80, 24)) as console:
        await console.press("f4")
        await console.until(lambda: console.desk.runs.shown.curves is not None)
        await console.press("c")
        await console.until(lambda: "one run alone" in said(console))
        head = console.screen.query_one("#compare-head", Line).text
        assert head.startswith("one run · c or Esc closes this, then space on another run adds it")

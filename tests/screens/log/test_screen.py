"""The Log on terminals of different sizes: its rows have the columns of the size that the terminal has now."""

from __future__ import annotations

from typing import Any

import pytest

from screens.views.log_rows import log_rows
from screens.widgets.rows import RowList
from services.folders import DataFolder
from services.live.snapshots import replay
from services.log.documents import document
from tests.support.runs import ended, numbered, saved, session_id, started, write_run

NAME = "pick_place_with_the_left_hand_at_night"


def a_recording(folder: DataFolder, number: int, **more: Any) -> None:
    run = session_id(number)
    write_run(folder, run, started(run, dataset=NAME, target=50, **more), saved(0), ended())


def rows(console: Any) -> list[str]:
    return console.screen.query_one(RowList).lines


@pytest.mark.parametrize(("before", "after"), [((120, 40), (80, 24)), ((80, 24), (200, 60)), ((200, 60), (120, 40))])
async def test_rows_get_the_columns_of_the_new_size(
    open_console: Any, before: tuple[int, int], after: tuple[int, int]
) -> None:
    async with open_console(size=after) as console:
        for number in (1, 2):
            a_recording(console.folder, number)
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 2)
        wanted = rows(console)
    async with open_console(size=before) as console:
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 2)
        await console.press("down")
        assert rows(console) != wanted
        await console.pilot.resize_terminal(*after)
        await console.until(lambda: rows(console) == wanted, "the old columns stay")
        assert console.screen.chosen.id == session_id(1), "the cursor stays where it was"


async def test_a_list_that_was_hidden_during_the_resize_has_the_new_columns_when_it_comes_back(
    open_console: Any,
) -> None:
    async with open_console(size=(80, 24)) as console:
        for number in (1, 2):
            a_recording(console.folder, number)
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 2)
        narrow = rows(console)
        await console.press("enter")
        await console.pilot.resize_terminal(120, 40)
        await console.sees("1 of 50 accepted")
        await console.press("escape")
        await console.until(lambda: rows(console) != narrow and "2026-02-17 1" in rows(console)[0])
        await console.pilot.resize_terminal(80, 24)
        await console.until(lambda: rows(console) == narrow)


@pytest.mark.parametrize("terminal", [80, 120, 200])
def test_what_is_short_is_not_cut(terminal: int) -> None:
    run = session_id(1)
    events = numbered(
        started(run, dataset="cubes", target=50), saved(0, flags=("late",)), saved(1, accepted=False), ended()
    )
    row = log_rows([document(replay(events))], terminal - 5)[0].plain
    assert "…" not in row
    assert all(part in row for part in ("cubes", "1 of 50", "1✗", "1⚠", "3 s"))

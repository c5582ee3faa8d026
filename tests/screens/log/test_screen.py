"""The Log on terminals of different sizes: its rows have the columns of the size that the terminal has now."""

from __future__ import annotations

from typing import Any

import pytest

from screens.widgets.rows import RowList
from services.folders import DataFolder
from services.live import events as ev
from tests.support.runs import ended, saved, session_id, started, write_run

NAME = "pick_place_with_the_left_hand_at_night"


def a_recording(folder: DataFolder, number: int, **more: Any) -> None:
    run = session_id(number)
    begun = started(run, dataset=NAME, target=50, operator="annabella", **more)
    write_run(folder, run, begun, saved(0), ev.TagAdded(tag="under-the-lamp-of-the-night"), ended())


async def test_a_long_log_is_filtered_in_slices_and_the_last_key_counts(open_console: Any, monkeypatch: Any) -> None:
    from screens.log import listing

    monkeypatch.setattr(listing, "AT_ONCE", 2)
    monkeypatch.setattr(listing, "FIRST", 1)
    async with open_console(size=(120, 40)) as console:
        for number in range(1, 6):
            write_run(
                console.folder, session_id(number), started(session_id(number), dataset=f"cubes_{number}"), ended()
            )
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 5)
        await console.press("slash", *"cubes_4")
        await console.until(lambda: len(rows(console)) == 1 and "cubes_4" in rows(console)[0])
        await console.press("backspace", "backspace", "backspace")
        await console.until(lambda: len(rows(console)) == 5)
        await console.press(*" kind:record", "enter")
        await console.sees("5 of 5 sessions")


async def test_a_filter_is_seen_where_no_panel_has_a_frame(open_console: Any) -> None:
    async with open_console(size=(60, 15)) as console:
        a_recording(console.folder, 1)
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 1)
        assert "1 session" not in console.everything
        await console.press("slash", *"hand", "enter")
        await console.sees("1 of 1 session · filter: hand")
        await console.press("escape")
        await console.until(lambda: "filter: hand" not in console.everything)


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
        await console.until(lambda: rows(console) not in ([], narrow), "the old columns stay")
        await console.pilot.resize_terminal(80, 24)
        await console.until(lambda: rows(console) == narrow)

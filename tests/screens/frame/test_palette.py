"""The palette: one row an action, found by words; stop first, whatever is typed that fits it."""

from __future__ import annotations

import pytest

from screens.frame.palette import Entry, Palette, matching, row
from screens.views.matching import fits
from services.live import protocol
from services.live.phases import Phase


def entry(id: str, label: str, tooltip: str = "", keys: str = "k") -> Entry:
    return Entry(id, label, keys, tooltip, lambda: None)


STOP = entry("stop", "STOP", "Hold the arm where it is, at once")
REST = entry("session.rest", "go to rest", "Open the gripper, lift, move to the rest pose")
STEP = entry("train.stop", "stop and save", "End this training with one more checkpoint")


def test_letters_scattered_over_a_description_fit_nothing():
    assert not fits("stop", REST.label, REST.tooltip)
    assert not fits("gr", "log axis", "Logarithmic axes, and back")
    ranks = {"go to rest": 4, "go": 3, "rest": 2, "gripper": 1, "lift po": 1, "": 1}
    assert {query: fits(query, REST.label, REST.tooltip) for query in ranks} == ranks


@pytest.mark.parametrize("typed", ["s", "st", "sto", "stop", "STOP", "arm"])
def test_stop_is_first_wherever_it_fits(typed):
    assert matching([STEP, REST, STOP], typed)[0] is STOP


@pytest.mark.parametrize("width", [30, 50, 76])
def test_a_row_ends_in_its_key_and_is_as_wide_as_the_palette(width):
    long = entry("x", "a label that is much too long for this", "and a long tooltip " * 5, "ctrl+f F9")
    text = row(long, width, chosen=True)
    assert text.content.cell_length == width and text.content.plain.endswith("  ctrl+f F9")


async def test_stop_and_enter_stop_a_held_and_a_moving_arm(open_console, make_worker):
    async with open_console((80, 24)) as console:
        worker = await make_worker()
        await console.attach(worker)
        for phase in (Phase.HELD, Phase.READY):
            worker.phase(phase)
            await console.until(lambda p=phase: console.desk.snapshot.phase is p)
            worker.heard.clear()
            await console.press("colon", *"stop", "enter")
            await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
            assert not worker.heard_of(protocol.GoToRest)
            await console.until(lambda: not isinstance(console.app.screen, Palette))


async def test_nothing_in_the_palette_takes_the_focus_and_x_stops_an_arm_that_moves(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.RECORDING, "take 1")
        await console.attach(worker)
        await console.press("colon", "e")
        await console.sees("end take")
        assert console.app.focused is None and not console.app.screen.query("Input")
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        assert isinstance(console.app.screen, Palette)


async def test_what_fits_nothing_says_how_to_go_on(open_console):
    async with open_console((60, 15)) as console:
        await console.press("colon", *"zzz")
        await console.sees("no action begins like this: Backspace takes")
        await console.press("backspace", "backspace", "backspace", *"bells", "enter")
        await console.until(lambda: not console.desk.bells.on)


async def over_a_ready_arm(console, make_worker):
    """The palette, opened on Record while a worker waits."""
    worker = await make_worker()
    worker.phase(Phase.READY)
    await console.attach(worker)
    await console.until(lambda: console.desk.snapshot.phase is Phase.READY)
    await console.press("colon")
    palette = console.app.screen
    assert isinstance(palette, Palette)
    return worker, palette


async def test_rows_that_come_and_go_never_move_another_action_under_the_cursor(open_console, make_worker):
    async with open_console() as console:
        worker, palette = await over_a_ready_arm(console, make_worker)
        labels = [each.label for each in palette.found]
        await console.press(*["down"] * labels.index("go to rest"))
        worker.phase(Phase.HELD)
        await console.until(lambda: [each.label for each in palette.found] != labels)
        assert [each.label for each in palette.found].index("go to rest") != labels.index("go to rest")
        worker.heard.clear()
        await console.press("enter")
        await console.until(lambda: len(worker.heard) > 0)
        assert worker.heard_of(protocol.GoToRest), worker.heard


async def test_what_cannot_be_done_any_more_is_said_and_nothing_else_is_done(open_console, make_worker):
    async with open_console() as console:
        worker, palette = await over_a_ready_arm(console, make_worker)
        await console.press(*["down"] * [each.label for each in palette.found].index("start take 1"))
        worker.phase(Phase.RESTING)
        await console.until(lambda: "start take 1" not in [each.label for each in palette.found])
        worker.heard.clear()
        await console.press("enter")
        await console.sees("cannot be done any more")
        assert console.app.screen is palette and not worker.heard_of(protocol.StartTake)

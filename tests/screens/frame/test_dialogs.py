"""Dialogs over an arm that moves: each says what closes it and that Esc stops, stays open, and says what was done."""

from __future__ import annotations

import asyncio

import pytest
from textual.content import Content
from textual.widgets import Input

from screens.frame.dialogs import Choice, Dialog, Question, TextEntry
from screens.frame.help_page import HelpPage
from screens.frame.lab_screen import LabScreen
from screens.frame.palette import Palette
from screens.log.entries import NoteEditor
from screens.views.sheet_rows import BLANK, Paragraph, choice, closing, laid
from services.live import protocol
from services.live.phases import Phase
from services.live.stop_line import StopLine

SIZES = [(60, 15), (80, 24), (100, 30), (120, 40), (200, 60)]


def dialogs(console):
    """One of each kind, with its key to close it while the arm can move."""
    desk, screen = console.desk, console.screen
    words = ["Without a driver the arm holds where it is, torque on, until someone takes over."] * 3
    answers = [Choice("y,enter", "release the arm, which is lowered to its rest pose first, slowly", "yes")]
    return [
        (Question(desk, "Release the arm?", words, answers), "n"),
        (TextEntry(desk, "Note to this session"), "ctrl+q"),
        (HelpPage(desk, screen), "question_mark"),
        (Palette(desk, screen), "ctrl+q"),
    ]


def flat(console) -> str:
    """What is on the screen, without borders and line ends."""
    return " ".join(console.everything.replace("│", " ").split())


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_esc_stops_the_arm_says_so_and_leaves_the_dialog_open(open_console, make_worker, size):
    async with open_console(size, line=StopLine()) as console:
        worker = await make_worker()
        await console.attach(worker)
        for at, (_, closes) in enumerate(dialogs(console)):
            worker.phase(Phase.READY)
            await console.until(lambda: console.desk.can_move)
            dialog = dialogs(console)[at][0]
            console.app.push_screen(dialog)
            shown = {"question_mark": "?"}.get(closes, closes)
            await console.until(lambda s=shown: f"{s} closes, Esc stops the arm" in flat(console))
            assert "STOP" in console.everything
            await console.press("escape")
            await console.until(lambda: console.desk.snapshot.phase is Phase.HELD)
            assert console.app.screen is dialog
            await console.sees("HELD")
            await console.until(lambda d=dialog: not d.stop_keys)
            assert console.app.screen is dialog
            await console.press(closes)
            assert isinstance(console.app.screen, LabScreen)
        assert len(worker.heard_of(protocol.Stop)) == 4


async def test_esc_closes_over_an_arm_that_holds_though_its_stop_is_answered_but_not_as_the_arm_stops(
    open_console, make_worker
):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        for dialog, _ in dialogs(console):
            console.app.push_screen(dialog)
            await console.until(lambda d=dialog: console.app.screen is d)
            console.desk.stop_answered()  # the stop line sends every Esc, and any worker answers it
            await console.press("escape")
            if console.app.screen is dialog:  # the first one ends a search
                await console.press("escape")
            assert isinstance(console.app.screen, LabScreen)
        worker.phase(Phase.READY)
        await console.until(lambda: console.desk.can_move)
        console.app.push_screen(TextEntry(console.desk, "Note"))
        await console.sees("Esc STOP")
        dialog = console.app.screen
        worker.phase(Phase.HELD, "stopped")  # by the Esc that the screen gets only now
        while console.desk.can_move:
            await asyncio.sleep(0)
        assert console.desk.just_stopped
        dialog.action_back()
        await console.press()
        assert console.app.screen is dialog


async def test_a_note_waits_while_the_other_console_runs_a_take(open_console, make_worker):
    async with open_console((100, 30)) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker, drive=False)
        worker.drive("anna")
        for dialog in (TextEntry(console.desk, "Note"), NoteEditor(console.desk, "Note")):
            console.app.push_screen(dialog)
            await console.until(lambda d=dialog: console.app.screen is d and d.focused is not None)
            await console.press("l", "a", "x")
            field = dialog.query_one("#text")
            worker.phase(Phase.RECORDING)
            await console.until(lambda f=field: f.disabled and console.app.focused is None)
            await console.sees("keys go to the arm: the note waits")
            stops = len(worker.heard_of(protocol.Stop))
            await console.press("m", "x")
            await console.until(lambda n=stops: len(worker.heard_of(protocol.Stop)) == n + 1)
            worker.phase(Phase.READY)
            await console.until(lambda f=field: console.app.focused is f, "the note goes on")
            await console.press("p")
            assert (field.value if isinstance(field, Input) else field.text) == "laxp"
            dialog.dismiss()
            await console.until(lambda: isinstance(console.app.screen, LabScreen))


async def test_each_closes_by_its_own_key_while_the_arm_moves_and_stops_nothing(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        for dialog, closes in dialogs(console):
            console.app.push_screen(dialog)
            await console.until(lambda d=dialog: console.app.screen is d)
            await console.press(closes)
            assert isinstance(console.app.screen, LabScreen)
        assert not worker.heard_of(protocol.Stop) and console.desk.can_move


async def test_the_answers_stay_in_sight_while_the_text_scrolls(open_console):
    words = [f"Sentence {n} of what will happen to the arm, which is long enough to wrap here." for n in range(12)]
    async with open_console((60, 15)) as console:
        console.app.push_screen(Question(console.desk, "Do it?", words, [Choice("y", "yes, do it", "yes")]))
        await console.sees("more rows: Down")
        read = console.everything
        for _ in range(4):
            await console.press("pagedown")
            assert "y   yes, do it" in console.everything and "Esc closes" in console.everything
            read += console.everything
        assert all(f"Sentence {n} of" in read for n in range(12))
        assert "the end; Up goes back" in console.everything


@pytest.mark.parametrize("size", SIZES)
def test_at_every_size_the_foot_is_whole_and_every_row_of_the_body_can_be_reached(size):
    columns, rows = min(66, size[0] - 6), size[1] - 4
    body = [text(f"sentence {n} of many, long enough to wrap at the least width") for n in range(60)]
    read, at = "", 0
    for _ in range(300):
        found = laid([text("title")], body, [choice("y", "yes"), BLANK], (columns, rows), at)
        assert len(found.rows) == rows and found.rows[-2].plain.endswith("y   yes")
        read += " ".join(row.plain for row in found.rows)
        if not found.below:
            break
        at = found.at + 1
    assert not found.below and all(f"sentence {n} of" in read for n in range(60))


async def test_a_key_that_does_nothing_says_which_keys_do(open_console):
    async with open_console() as console:
        for dialog, says in (
            (Question(console.desk, "Do it?", [], [Choice("y", "yes", "yes")]), "press y or Esc"),
            (HelpPage(console.desk, console.screen), "this page takes no other keys"),
        ):
            console.app.push_screen(dialog)
            await console.until(lambda d=dialog: console.app.screen is d)
            await console.press("g")
            await console.sees(says)
            await console.press("escape")


async def test_a_refusal_while_a_dialog_is_open_is_shown_in_it(open_console):
    async with open_console() as console:
        await console.press("question_mark")
        console.desk.refuse("stopped a moment ago: press it again")
        await console.until(lambda: isinstance(console.app.screen, Dialog) and "press it again" in console.everything)


def text(content: str) -> Paragraph:
    return Paragraph(Content(content))


@pytest.mark.parametrize("width", [30, 44, 66])
def test_no_word_of_a_dialog_is_lost_and_no_row_is_too_long(width):
    answer = choice("y", "lower the arm to its rest pose, slowly, then cut the torque of every motor")
    rows = laid([text("Release?")], [text("one two three " * 20)], [answer, BLANK], (width, 60)).rows
    assert all(row.cell_length <= width for row in rows)
    said = " ".join(" ".join(row.plain for row in rows).split())
    assert said.count("one two three") == 20 and said.endswith("then cut the torque of every motor")


def test_stop_has_a_row_of_its_own_where_there_is_no_room_beside_how_to_close():
    beside = closing("? closes, Esc stops the arm", "Esc x", 60)
    below = closing("? closes, Esc stops the arm", "Esc x F12", 36)
    assert [len(rows) for rows in (beside, below)] == [1, 2]
    assert beside[0].content.plain.endswith("Esc x STOP") and below[1].content.plain.endswith("Esc x F12 STOP")

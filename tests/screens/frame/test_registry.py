"""One entry registers a screen: its key, its place in the order, palette, key list and footer follow."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from screens.desk.messages import SessionChanged
from screens.frame import registry
from screens.frame.help_page import HelpPage
from screens.frame.lab_screen import LabScreen
from screens.frame.palette import entries
from screens.frame.registry import SCREENS, ScreenEntry, next_mode, shows
from sessions.models import SessionKind


class CompareScreen(LabScreen):
    """As small as a screen can be."""

    def body(self):
        yield Static("two policies side by side", markup=False)


COMPARE = ScreenEntry("compare", "f6", f"{__name__}:CompareScreen", "Two policies, side by side", name="versus")


@pytest.fixture
def another(monkeypatch):
    """A sixth screen between Evaluate and Log, as an entry adds it."""

    def add(entry=COMPARE):
        monkeypatch.setattr(registry, "SCREENS", (*SCREENS[:4], entry, *SCREENS[4:]))

    return add


def offered(console):
    return [(each.label, each.keys) for each in entries(console.screen)]


async def test_a_screen_is_one_entry(open_console, another):
    another()
    async with open_console() as console:
        assert " F6 versus " in console.text("#header")
        assert ("versus", "F6") in offered(console)
        await console.press("f6")
        await console.sees("two policies side by side")
        await console.sees("[F6 versus]")
        assert " F2 bench " in console.text("#header")
        await console.press("left_square_bracket")
        await console.until(lambda: console.screen.id == "evaluate")
        await console.press("escape", "right_square_bracket", "right_square_bracket")
        await console.until(lambda: console.screen.id == "log")
        await console.press("question_mark")
        await console.until(lambda: isinstance(console.app.screen, HelpPage))
        await console.press("slash", *"policies")
        await console.sees("Two policies, side by side")


async def test_a_screen_that_cannot_be_opened_now_has_no_key(open_console, another):
    ready = []
    another(ScreenEntry("compare", "f6", COMPARE.loads, COMPARE.help, opens=lambda desk: bool(ready)))
    async with open_console() as console:
        await console.press("f6")
        assert console.screen.id == "bench"
        assert "F6" not in console.text("#header") and ("versus", "F6") not in offered(console)
        assert next_mode("evaluate", 1, console.desk) == "log"
        ready.append(True)
        console.desk.post(SessionChanged)
        await console.until(lambda: "F6 compare" in console.text("#header"))
        assert next_mode("evaluate", 1, console.desk) == "compare"


@pytest.mark.parametrize("entry", SCREENS, ids=lambda entry: entry.mode)
def test_every_entry_names_a_screen(entry):
    assert issubclass(entry.load(), LabScreen)


def test_a_session_is_shown_on_the_screen_of_its_kind():
    found = {kind: entry.mode for kind in SessionKind if (entry := shows(kind))}
    assert found == {SessionKind.RECORD: "record", SessionKind.TRAIN: "train", SessionKind.EVAL: "evaluate"}
    assert shows(None) is None

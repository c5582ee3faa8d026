"""Other keys from lab.toml: what is refused and how, and that footer, help, palette and the keys themselves follow."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from textual.binding import Binding, BindingsMap
from textual.widgets import Input

import screens
from console.app import LabConsole
from screens.frame import keymap as module
from screens.frame.dialogs import ANSWERS, Question
from screens.frame.help_page import HelpPage
from screens.frame.keymap import check
from screens.frame.palette import entries
from screens.views import keys
from services.bench.profiles import Keymap, ProfileProblem
from services.live import protocol
from services.live.phases import Phase

FILE = Path("/home/ann/lab.toml")
APP = [binding for _, binding in BindingsMap(LabConsole.BINDINGS)]


@pytest.fixture(autouse=True)
def _own_keys_again():
    yield
    keys.use_keymap({})


def refusal(**pairs):
    with pytest.raises(ProfileProblem) as caught:
        check(Keymap({action.replace("__", "."): key for action, key in pairs.items()}, FILE), APP)
    return str(caught.value)


@pytest.mark.parametrize(
    ("action", "key", "says"),
    [
        ("session__finsh", "F", 'no such action; the nearest is "session.finish"'),
        ("quit", "F", "no such action; the nearest is"),
        ("session__finish", "f", 'f is "evaluate.failure" on evaluate: choose another'),
        ("session__finish", "F,s", 's is "evaluate.success" on evaluate'),
        ("log__open", "slash", '/ is "log.filter" on log'),
        ("keys", "f4", 'F4 is "go.train" on bench'),
        ("session__pause", "tab", 'tab is "app.focus_next"'),
        ("session__pause", "ctrl+q", 'ctrl+q is "app.leave"'),
        ("session__finish", "x", "x stops the arm and can do nothing else"),
        ("session__finish", "X", "X stops the arm"),
        ("session__finish", "f8,escape", "Esc stops the arm"),
        ("session__finish", "alt+f", "as Esc and the key, which is a stop"),
        ("session__finish", "fooo", "no key is called fooo"),
        ("session__finish", "super+f", "no key is called super+f"),
        ("session__finish", "shift+f", "a terminal sends it as F"),
        ("session__finish", "ctrl+m", "a terminal sends it as enter"),
        ("session__finish", " ,", 'names no key; write such as "F,ctrl+f"'),
        ("back", "q", 'Esc and x stay as they are; keys of "stop" are added'),
        ("dialog__close", "f8", "Esc and x stay as they are"),
        ("dialog__stop", "f8", "Esc and x stay as they are"),
        ("stop", "ctrl+k", "a stop key is one letter, digit or sign, or a function key F1 to F24"),
        ("stop", "space", "a stop key is one letter, digit or sign"),
        ("stop", "f5", 'F5 is "go.evaluate"'),
        ("stop", "f12,P", 'p is "session.pause"'),
        ("stop", "j", 'j is "an answer" in a question'),
        ("stop", "J", 'j is "an answer" in a question'),
    ],
)
def test_a_keymap_that_cannot_be_is_answered_with_file_action_key_and_reason(action, key, says):
    message = refusal(**{action: key})
    assert message.startswith(f'{FILE}: keymap: "{action.replace("__", ".")}" = "{key}": ')
    assert says in message


def test_two_actions_may_swap_their_keys_but_not_share_one():
    swapped = check(Keymap({"session.pause": "g", "session.rest": "p"}, FILE), APP)
    assert swapped.keys == {"session.pause": "g", "session.rest": "p"}
    assert '"session.rest" on bench' in refusal(session__pause="f8", session__rest="f8")


def test_a_stop_key_and_what_is_sent_like_it_do_nothing_else():
    assert '"stop"' in refusal(stop="k", session__finish="K")
    assert '"stop"' in refusal(stop="f13", session__finish="shift+f1")


def test_stop_keys_are_added_and_none_is_taken_away():
    for text in ("f12", "f12,x", "escape, f12"):
        checked = check(Keymap({"stop": text}, FILE), APP)
        assert checked.keys == {"stop": "x,f12", "dialog.stop": "x,f12"}
        assert checked.added == ("F12",)
        assert set(checked.stops.signs) == set(b"xX") and set(checked.stops.functions) == {12}


def test_without_a_keymap_no_screen_is_loaded(monkeypatch):
    monkeypatch.setattr(module, "_places", None)
    assert check(Keymap(), APP).keys == {}


def test_what_every_screen_binds_by_itself_has_one_meaning_and_one_id():
    for place, bindings in module._places(APP).items():
        mine = [b for b in bindings if b.id and not b.id.startswith("dialog.")]
        assert len({b.key for b in mine}) == len(mine), place
        nameless = [b.action for b in bindings if not b.id and b.action != "an answer"]
        assert all("." in action for action in nameless), "Textual's own"


def test_every_answer_to_a_question_is_known_as_one():
    found = set()
    for path in Path(screens.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Choice":
                texts = [str(n.value) for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                found |= {
                    key for text in texts if not {".", ":"} & {*text} for key in text.split(",")
                }  # else an action's name
    assert {"y", "enter", "q"} <= found <= ANSWERS


def test_a_sentence_names_the_key_that_its_action_has():
    named = {name: key for name, key in vars(keys).items() if isinstance(key, keys.NamedKey)}
    assert len(named) > 20
    bound = {(b.id, b.key) for bindings in module._places(APP).values() for b in bindings}
    assert [name for name, key in named.items() if (key.action, key.own) not in bound] == []
    assert (f"{keys.RECORD} {keys.FILTER}", keys.verdicts()) == ("F3 /", "s, f or v")
    keys.use_keymap({"go.record": "f9,ctrl+r", "evaluate.success": "y"})
    assert (f"{keys.RECORD} {keys.FILTER}", keys.verdicts()) == ("F9 /", "y, f or v")


# --- on the screens ---------------------------------------------------------------------------------


async def test_footer_help_and_palette_show_the_keys_that_act(open_console, make_worker):
    async with open_console(keymap={"session.finish": "ctrl+f,f9", "go.log": "f12", "keys": "f1"}) as console:
        tabs = console.text("#header")
        assert "F12 log" in tabs and "F7" not in tabs and "F1 help" in console.keys
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        assert "ctrl+f finish" in console.keys
        assert ("finish", "ctrl+f F9") in [(each.label, each.keys) for each in entries(console.screen)]
        await console.press("f1")
        await console.until(lambda: isinstance(console.app.screen, HelpPage))
        await console.sees("ctrl+f F9")
        await console.press("q", "F", "f7")
        await console.pilot.pause()
        assert console.desk.live and console.screen.id == "record", "their own keys do nothing now"
        await console.press("f9")
        await console.until(lambda: not console.desk.live)
        await console.press("f12")
        await console.until(lambda: console.screen.id == "log")


async def test_a_key_moved_off_a_letter_acts_while_a_field_has_the_focus(open_console):
    async with open_console(keymap={"leave": "f10"}) as console:
        await console.press("f3")
        await console.until(lambda: isinstance(console.app.focused, Input))
        assert "F10 leave" in console.keys
        await console.press("q", "f10")
        await console.until(lambda: console.app._exit)


async def test_an_added_stop_key_holds_on_screens_and_in_dialogs_and_is_shown(open_console, make_worker):
    async with open_console(keymap={"stop": "f12", "session.rest": "w", "session.enlarge": "g"}) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        assert "Esc x F12 STOP" in console.keys
        await console.press("f12")
        await console.until(lambda: console.desk.snapshot.phase is Phase.HELD)
        assert "w goes to rest" in console.text("#banner") and "p follows again, slowly · w goes" in console.says
        worker.phase(Phase.READY)
        await console.until(lambda: console.desk.snapshot.phase is Phase.READY)
        worker.heard.clear()
        await console.press("R")
        await console.until(lambda: isinstance(console.app.screen, Question))
        await console.press("f12")
        await console.until(lambda: any(isinstance(m, protocol.Stop) for m in worker.heard))
        assert isinstance(console.app.screen, Question), "the dialog stays open"


async def test_a_click_on_a_moved_key_presses_it(open_console):
    async with open_console(keymap={"go.log": "ctrl+g"}) as console:
        x = console.text("#header").index("ctrl+g")
        await console.pilot.click("#header", offset=(x + 2, 0))
        await console.until(lambda: console.screen.id == "log")


def test_a_binding_of_the_app_can_be_moved_too():
    checked = check(Keymap({"app.leave": "ctrl+x"}, FILE), APP)
    bindings = BindingsMap([*APP])
    bindings.apply_keymap(checked.keys)
    assert [(key, b.action) for key, b in bindings] == [("ctrl+l", "forget_screen"), ("ctrl+x", "leave")]
    assert isinstance(APP[0], Binding)


async def test_the_leave_question_offers_the_key_that_finishes(open_console, make_worker):
    async with open_console(keymap={"session.finish": "ctrl+f"}) as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.press("q")
        await console.sees("ctrl+f")
        await console.press("ctrl+f")
        await console.until(lambda: worker.heard_of(protocol.Finish))


def test_a_function_key_may_be_written_as_it_is_shown():
    checked = check(Keymap({"record.take": "F8"}, FILE), APP)
    assert checked.keys["record.take"] == "f8"

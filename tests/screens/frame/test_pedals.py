"""A foot pedal: its key judges, is shown, and asks for nothing again while it is held down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from console.held_keys import HeldKeys
from screens.frame import registry
from screens.frame.keymap import _places, check
from screens.views import keys
from services.bench.profiles import Keymap, ProfileProblem
from services.live import protocol
from services.live.phases import Phase
from sessions.models import SessionKind, Verdict

PEDALS = ("b", "j", "f13", "F24", "pageup", "pagedown", "ctrl+b", "home", "insert")
FILE = Path("lab.toml")


@pytest.fixture(autouse=True)
def _own_keys_again() -> Any:
    yield
    keys.use_keymap({})


def test_a_key_that_comes_quicker_than_a_person_presses_is_held() -> None:
    held = HeldKeys()
    assert [held.note("b", at) for at in (0.0, 0.5, 0.53, 0.56, 0.59, 0.62)] == [False] * 4 + [True] * 2
    assert not held.note("s", 0.63) and not held.note("b", 0.64), "another key ends it"
    assert [held.note("c", at) for at in (1.0, 1.3, 1.6, 1.9)] == [False] * 4, "a person who presses often"
    assert not held.note("c", 9.0)


def bindings() -> list[str]:
    """The actions of a trial and a take."""
    assert registry.every_screen()
    found = {b.id for place in ("on evaluate", "on record") for b in _places([])[place] if b.id}
    return sorted(each for each in found if each.split(".")[0] in ("evaluate", "record"))


def test_every_action_of_trials_and_takes_can_have_what_a_pedal_types_or_both_sides_are_named() -> None:
    refused = {}
    for action in bindings():
        for key in (*PEDALS, f"{PEDALS[0]},{PEDALS[2]}"):
            try:
                assert check(Keymap({action: key}, FILE)).keys[action]
            except ProfileProblem as problem:
                refused[action, key] = str(problem)
    assert {action for action, _ in refused} <= {"record.reject"} and len(refused) < 3, refused
    assert all(f'"{action}"' in said and ' is "episode.' in said for (action, _), said in refused.items())
    with pytest.raises(ProfileProblem, match=r'"evaluate.success" = "f": f is "evaluate.failure" on evaluate'):
        check(Keymap({"evaluate.success": "f"}, FILE))


async def test_a_pedal_judges_and_held_down_it_starts_no_trial_again(open_console: Any, make_worker: Any) -> None:
    keymap = {"evaluate.trial": "pagedown,space", "evaluate.success": "f13", "evaluate.failure": "b"}
    async with open_console((120, 40), keymap=keymap) as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        await console.attach(worker, "evaluate")
        await console.until(lambda: console.word == "READY")
        assert "pagedown start trial 1" in console.keys and "pagedown starts trial 1" in console.says
        await console.press("pagedown")
        await console.until(lambda: console.word == "RUNNING")
        await hold_down(console, "pagedown", 10)
        assert not worker.heard_of(protocol.EndTrial)[1:], "two quick presses may be a person's"
        await console.press("f13")
        await console.until(lambda: console.desk.snapshot.trials[0].verdict is Verdict.SUCCESS)
        await console.until(lambda: console.desk.snapshot.phase in (Phase.RESTED, Phase.IDLE))
        started = len(worker.heard_of(protocol.StartTrial))
        await hold_down(console, "b", 6)
        assert len(worker.heard_of(protocol.StartTrial)) == started
        await asyncio.sleep(0.2)
        await console.press("pagedown")
        await console.until(lambda: console.desk.snapshot.phase is Phase.RUNNING)
        await hold_down(console, "b", 6)
        await console.until(lambda: len(console.desk.snapshot.trials) == 2)
        assert [c.verdict for c in worker.heard_of(protocol.JudgeTrial)] == [Verdict.SUCCESS, Verdict.FAILURE]


async def hold_down(console: Any, key: str, times: int) -> None:
    """As a terminal sends a key that is held: in one go, so that no machine is too slow for it."""
    from textual.events import Key

    for _ in range(times):
        console.app.post_message(Key(key, None))
    await console.pilot.pause()

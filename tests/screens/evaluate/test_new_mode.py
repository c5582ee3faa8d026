"""Typing a failure mode: not while anything moves, kept with its trial, on the next free digit from then on."""

from __future__ import annotations

import asyncio

import pytest

from screens.frame.bindings import WORDS_S
from screens.frame.checked_entry import CheckedEntry
from services.live import protocol
from services.live.phases import Phase
from sessions.models import SessionKind, Verdict
from tests.screens.frame.test_type_ahead import at_once


@pytest.fixture
def make_eval(make_worker):
    return lambda **values: make_worker(kind=SessionKind.EVAL, **values)


def given(worker):
    return [command.failure_mode for command in worker.heard_of(protocol.AnnotateTrial)]


async def test_a_typed_mode_is_kept_with_the_trial_and_gets_the_next_free_digit(open_console, make_eval):
    async with open_console((140, 40)) as console:
        worker = await make_eval()
        await console.attach(worker, "evaluate")
        await console.press("o")
        await console.sees("f first, then its number")
        worker.trial(Verdict.FAILURE)
        worker.phase(Phase.RESTING)
        await console.until(lambda: console.desk.snapshot.phase is Phase.RESTING)
        await console.press("o")
        await console.sees("the arm moves: o types a failure mode once it stands")
        worker.phase(Phase.RESTED)
        await console.sees("o other")
        await console.press("o")
        await console.until(lambda: isinstance(console.app.screen, CheckedEntry))
        await console.sees("keys go to the failure mode: Enter keeps it")
        await console.press(*"x" * 41, "enter")
        await console.sees("at most 40 characters, this one has 41")
        console.app.screen.query_one("#text").value = "  slides   [b]off "
        await console.press("enter")
        await console.until(lambda: given(worker) == ["slides [b]off"])
        await console.sees("5 says it in this session")
        await console.sees("5 ✓slides [b]off")
        worker.trial(Verdict.FAILURE)
        worker.phase(Phase.RESTED)
        await console.until(lambda: len(console.desk.snapshot.trials) == 2)
        await console.press("5")
        await console.until(lambda: given(worker) == ["slides [b]off"] * 2)


async def test_the_words_of_a_note_that_is_refused_judge_and_start_nothing_but_a_stop_stops(open_console, make_eval):
    async with open_console((120, 40)) as console:
        worker = await make_eval()
        await console.attach(worker, "evaluate")
        worker.begin_trial(1)
        await console.until(lambda: console.desk.snapshot.phase is Phase.RUNNING)
        await console.press("n", *"slips off five")
        await console.sees("a trial runs: n writes a note once it is judged")
        assert not worker.heard_of(protocol.JudgeTrial) and not worker.heard_of(protocol.AssistTrial)
        await asyncio.sleep(WORDS_S + 0.1)
        at_once(console, "n", *"fails so soon")  # as a slow link delivers it
        await asyncio.sleep(WORDS_S)
        assert not worker.heard_of(protocol.JudgeTrial) and not worker.heard_of(protocol.AssistTrial)
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        await asyncio.sleep(WORDS_S + 0.1)
        await console.press("s")
        await console.until(lambda: bool(worker.heard_of(protocol.JudgeTrial)))


async def test_one_that_is_known_is_not_learnt_twice_and_one_for_a_trial_before_is_not_kept(open_console, make_eval):
    async with open_console((140, 40)) as console:
        worker = await make_eval()
        await console.attach(worker, "evaluate")
        worker.trial(Verdict.FAILURE)
        worker.phase(Phase.RESTED)
        await console.sees("how it failed:")
        await console.press("o", *"DROPS it", "enter")
        await console.until(lambda: given(worker) == ["drops it"])
        await console.sees("2 says it in this session")
        await console.press("o", *"late")
        worker.trial(Verdict.FAILURE)
        worker.phase(Phase.RESTED)
        await console.until(lambda: len(console.desk.snapshot.trials) == 2)
        await console.press("enter")
        await console.sees("the next trial has begun: late was not kept")
        assert given(worker) == ["drops it"]

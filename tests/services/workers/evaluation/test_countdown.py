"""The countdown: the arm waits where the trial begins, and only a key begins it."""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path

import pytest

from screens.views.trial_phase import evaluating as shown
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import protocol
from services.live.phases import Phase
from services.refusal import Refusal
from tests.support.evaluating import REAL_TIME, evaluating, state_bench
from tests.support.rig import Rig, press

SECONDS = 2.5


async def test_the_policy_moves_only_after_the_countdown_and_a_stop_in_it_begins_no_trial(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, state_bench(), **REAL_TIME | {"countdown": SECONDS}) as link:
        await press(link, lambda: protocol.StartTrial(trial=1))
        await link.until(lambda s: "step back" in s.detail, 60)
        assert link.snapshot.phase is Phase.ALIGNING
        await link.until(lambda s: link.telemetry is not None and 0 < link.telemetry.countdown < SECONDS, 10)
        telemetry = link.telemetry
        assert telemetry is not None
        view = shown(link.snapshot, telemetry, driving=True)
        assert (view.word, view.right) == ("STANDS BY", str(ceil(telemetry.countdown))) and "stops" in view.sentence
        assert (await link.ask(protocol.Stop())).ok
        state = await link.until(lambda s: s.phase is Phase.HELD, 10)
        assert not state.trials
        await press(link, protocol.GoToRest)
        await link.until(lambda s: s.phase is Phase.RESTED, 60)
        begun = time.monotonic()
        await press(link, lambda: protocol.StartTrial(trial=1))
        await link.until(lambda s: s.phase is Phase.RUNNING, 60)
        assert time.monotonic() - begun > SECONDS


def test_a_countdown_is_a_number_of_seconds(tmp_path: Path) -> None:
    for wrong in (-1.0, float("nan"), 61.0):
        with pytest.raises(Refusal, match="countdown"):
            evaluation.plan(
                DataFolder(tmp_path), state_bench(), checkpoint="sim-scripted", task="pick_place", countdown=wrong
            )

"""What the phase panel, the tally and the keys say of the reset between trials."""

from __future__ import annotations

import pytest

from screens.frame import trial_availability
from screens.views import resets
from screens.views.arm_state import state_now
from screens.views.trial_phase import evaluating
from screens.views.trial_tally import summary, tally
from services.live.phases import Phase
from sessions.models import SessionKind
from sessions.resets import Reset
from tests.support.phase_walk import Case


def case(phase: Phase, reset: Reset = Reset.LEADER) -> Case:
    return Case(SessionKind.EVAL, phase, "success", reset=reset)


@pytest.mark.parametrize(
    ("phase", "word", "said", "key"),
    [
        (Phase.IDLE, "READY", "p follows the leader", "follow"),
        (Phase.RESET, "FOLLOWING", "p holds it there", "hold"),
        (Phase.HELD, "HELD", "p follows the leader", "follow"),
    ],
)
def test_the_leaders_key_is_said_where_it_acts(phase: Phase, word: str, said: str, key: str) -> None:
    view = evaluating(case(phase).snapshot, None, driving=True)
    assert (view.word, said in view.sentence) == (word, True), view.sentence
    assert said not in evaluating(case(phase).snapshot, None, driving=False).sentence, "who only watches has no keys"
    assert trial_availability.lead(case(phase).snapshot) == key


def test_no_trial_starts_while_the_arm_follows_and_another_reset_has_no_such_key() -> None:
    assert "p holds it, then space starts" in trial_availability.why_not("trial", case(Phase.RESET).snapshot)
    assert "follows it once the arm stands" in trial_availability.why_not("pause", case(Phase.JUDGING).snapshot)
    home = case(Phase.IDLE, Reset.HOME).snapshot
    assert "an evaluation has no pause" in trial_availability.why_not("pause", home)
    assert "leader" not in evaluating(home, None, driving=True).sentence and not resets.by_leader(home)


def test_the_way_is_said_and_the_tally_has_the_reset_at_every_size() -> None:
    assert (
        "the arm returns to rest" in evaluating(case(Phase.RESTING, Reset.RETURN).snapshot, None, driving=True).sentence
    )
    home = case(Phase.RESTING, Reset.HOME).snapshot
    assert "returns to rest" not in evaluating(home, None, driving=True).sentence
    assert "reset: home, by the rest pose" in [row.plain for row in tally(home, 30)]
    assert summary(home).plain.endswith("reset: home, by the rest pose")


def test_the_bench_screen_calls_no_arm_at_rest_that_was_driven_elsewhere() -> None:
    assert state_now(case(Phase.DONE, Reset.RETURN).snapshot, None)[0] == "at rest, torque on"
    for reset in (Reset.HOME, Reset.LEADER):
        assert state_now(case(Phase.DONE, reset).snapshot, None)[0] == "held where it stands, torque on"
    assert "to the leader" in state_now(case(Phase.ALIGNING).snapshot, None)[0]
    assert "home" in state_now(case(Phase.RESTING, Reset.HOME).snapshot, None)[0]

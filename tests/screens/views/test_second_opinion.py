"""The phase panel after a verdict with which the second judge disagrees: that he does, and the key that shows it."""

from __future__ import annotations

import pytest

from screens.views.trial_phase import evaluating
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from sessions.models import EndedBy, SessionKind, Trial, Verdict
from tests.support import facts

S, F = Verdict.SUCCESS, Verdict.FAILURE


@pytest.mark.parametrize("phase", [Phase.RESTING, Phase.RESTED, Phase.DONE])
@pytest.mark.parametrize("fresh", [0, 1])
@pytest.mark.parametrize(("verdict", "second"), [(S, F), (F, S), (S, S), (S, None), (None, None)])
def test_after_the_verdict_a_disagreement_is_told(
    phase: Phase, fresh: int, verdict: Verdict | None, second: Verdict | None
) -> None:
    trial = Trial(index=1, verdict=verdict, second=second, judged_first=verdict, ended_by=EndedBy.TIME, frames=30)
    begun = facts.started("s1", kind=SessionKind.EVAL, target=1 if phase is Phase.DONE else 5, second_judge="oracle")
    shown = evaluating(Snapshot(started=begun, phase=phase, trials=(trial,)), None, driving=True, fresh=fresh)
    words = " ".join(part.text for part in shown.parts)
    disagrees = second is not None and second is not verdict
    assert (f"the second judge says {second}" in words) == disagrees and ("i looks again" in words) == disagrees

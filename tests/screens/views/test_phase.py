"""What the phase panel says of keys, against what the keys do."""

from __future__ import annotations

import dataclasses

import pytest

from screens.views.phase import phase_view
from services.live import events as ev
from services.live import intents
from services.live.phases import Phase
from services.live.reasons import Step
from services.live.snapshots import advance
from sessions.models import SessionKind
from tests.support.phase_walk import Case, cases

ARMS = [case for case in cases() if case.kind is SessionKind.RECORD]


@pytest.mark.parametrize("case", ARMS, ids=str)
def test_the_panel_names_no_key_that_does_nothing(case: Case) -> None:
    snapshot = dataclasses.replace(case.snapshot, step=Step.ENDING if case.ending else Step.NONE)
    says = phase_view(snapshot, None, driving=True, now=0.0).sentence
    if "follows again, slowly" in says:
        assert intents.pause(snapshot)
    if "aligns with the leader" in says:
        assert intents.take(snapshot)
    if "accepts take" in says:
        assert intents.mark(snapshot)


def test_after_a_stop_the_panel_names_the_key_that_takes_the_rejection_back() -> None:
    held = Case(SessionKind.RECORD, Phase.HELD, "saved").snapshot

    def says(*, accepted: bool) -> str:
        marked = advance(held, ev.EpisodeMarked(seq=held.last_seq + 1, index=0, accepted=accepted))
        return phase_view(marked, None, driving=True, now=0.0).sentence

    assert says(accepted=False).endswith(
        "take 1 is saved as rejected · p follows again, slowly; g goes to rest; r accepts take 1"
    )
    assert says(accepted=True).endswith("g goes to rest") and "rejected" not in says(accepted=True)


def test_a_take_is_called_saved_once_it_is() -> None:
    held = Case(SessionKind.RECORD, Phase.HELD, "saving").snapshot
    unsaved = advance(held, ev.TakeMarked(seq=held.last_seq + 1, take=held.take, accepted=False))
    for driving in (True, False):
        says = phase_view(unsaved, None, driving=driving, now=0.0).sentence
        assert f"take {held.take} is being saved as rejected" in says

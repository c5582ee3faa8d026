"""What the phase panel says of keys, against what the keys do."""

from __future__ import annotations

import dataclasses

import pytest

from screens.views.phase import phase_view
from services.live import intents
from services.live.reasons import Step
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

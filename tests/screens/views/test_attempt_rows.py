"""The table of an opened session's episodes."""

from __future__ import annotations

import msgspec
import pytest

from screens.views.attempt_rows import Attempt, attempt_table, attempts
from sessions.models import Episode, Measured, SessionKind, Trial, Verdict
from sessions.recorded import RecordedEvaluation
from tests.support import facts


@pytest.mark.parametrize("room", [56, 76, 196])
def test_the_moments_that_were_marked_in_a_take_stand_in_its_row(room: int) -> None:
    one = Attempt(Episode(index=0, take=1, frames=240, seconds=8.0, moments=(126, 231)))
    other = Attempt(Episode(index=1, take=2, frames=240, seconds=8.0, accepted=False, why="blurred", marked_by="me"))
    table = attempt_table([one, other], room)
    said = "\n".join([line.plain for line in (table.header, *table.rows)])
    assert "marked" in said and "4.2 s, 7.7 s" in said and "blurred (me)" in said
    assert "marked" not in attempt_table([other], room).header.plain, "no column without a moment"


def test_the_latency_and_the_seams_of_a_trial_stand_in_its_row_with_units() -> None:
    quick = Measured(infer_ms=41.3, infer_ms_most=120.4, inferences=9, starved=12, seam=1.24)
    one = Attempt(None, Trial(index=1, verdict=Verdict.SUCCESS, measured=quick, seconds=6.2), 1)
    old = Attempt(None, Trial(index=2, verdict=Verdict.FAILURE, seconds=6.2), 2)
    scripted = Attempt(None, Trial(index=3, verdict=Verdict.FAILURE, measured=Measured(jerk=3.0)), 3)
    table = attempt_table([one, old, scripted], 120)
    first, *rows = (line.plain for line in table.rows)
    assert table.header.plain.split()[-3:] == ["inference", "seam", "starved"]
    assert first.split()[-4:] == ["41", "ms", "1.2°", "12"]
    assert {"inference", "seam"} <= set(attempt_table([one, old, scripted], 56).header.plain.split())
    assert not any("ms" in line or "°" in line for line in rows), "nothing was inferred, so nothing is said"
    flagged = Episode(index=0, take=1, frames=9, seconds=0.3, flags=("late periods 37", "overhead slow", "wrist slow"))
    narrow = attempt_table([Attempt(flagged, one.trial, 1)], 76)
    assert {"41", "ms", "1.2°"} <= set(narrow.rows[0].plain.split()), "flags are cut before"
    assert "inference" not in attempt_table([old, scripted], 120).header.plain


def test_imported_trials_are_listed_only_in_the_order_in_which_they_were_made_and_without_a_length() -> None:
    judged = tuple(Trial(index=n, verdict=verdict) for n, verdict in enumerate((Verdict.FAILURE, Verdict.SUCCESS), 1))
    for ordered in (False, True):
        began = facts.started("20260217-142001-0001", kind=SessionKind.EVAL)
        began = msgspec.structs.replace(began, recorded=RecordedEvaluation(ordered=ordered))
        session = facts.session(began.id, kind=SessionKind.EVAL, started=began, trials=judged)
        items = attempts(session)
        assert [item.trial for item in items] == (list(judged) if ordered else [])
    assert not any("0.0" in line.plain for line in attempt_table(items, 120).rows)


@pytest.mark.parametrize("room", [56, 76, 196])
def test_a_trial_of_a_comparison_tells_its_policy_and_one_of_a_single_policy_does_not(room: int) -> None:
    paths = [f"/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act", "pi")]
    trials = tuple(Trial(index=n, verdict=Verdict.VOID, checkpoint=path) for n, path in enumerate(paths, 1))
    both = facts.session("20260217-142001-0001", kind=SessionKind.EVAL, checkpoint=paths[0], trials=trials)
    table = attempt_table(attempts(both), room)
    assert ["act" in row.plain and "pi" not in row.plain for row in table.rows] == [True, False]
    coded = tuple(msgspec.structs.replace(trial, checkpoint=code) for trial, code in zip(trials, "AB", strict=True))
    told = attempt_table(attempts(msgspec.structs.replace(both, trials=coded)), room)
    assert ["policy A" in row.plain for row in told.rows] == [True, False]
    alone = msgspec.structs.replace(both, trials=trials[:1])
    assert "policy" not in attempt_table(attempts(alone), room).header.plain

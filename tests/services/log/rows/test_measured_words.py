"""Latency, seams and starvation of trials, in words."""

from __future__ import annotations

from screens.views.trials import measured_line
from services.live import events as ev
from services.live.snapshots import replay
from services.log.documents import document
from services.log.page import page
from services.log.rows.measured_words import of_trial
from sessions.models import Measured, SessionKind, Verdict
from tests.support.runs import ended, numbered, session_id, started

ID = session_id(1)
QUICK = Measured(infer_ms=41.3, infer_ms_most=120.4, inferences=9, seam=1.24)
SLOW = Measured(infer_ms=7.25, infer_ms_most=3100.0, inferences=4, seam=0.31, starved=12)


def session(*measured: Measured | None):
    events = [started(ID, kind=SessionKind.EVAL, dataset="rollout_act", checkpoint="/o/checkpoints/000010")]
    for number, each in enumerate(measured, 1):
        events += [
            ev.TrialStarted(trial=number, checkpoint="/o/checkpoints/000010"),
            ev.TrialEnded(trial=number, frames=186, reason="time", measured=each),
            ev.TrialJudged(trial=number, verdict=Verdict.SUCCESS, judge="tg"),
        ]
    return numbered(*events, ended())


def test_a_trial_says_what_was_measured_and_nothing_that_was_not() -> None:
    assert of_trial(QUICK) == ("inference 41 ms, 120 at most", "seam 1.2°")
    assert of_trial(SLOW) == ("inference 7.2 ms, 3100 at most", "seam 0.3°", "starved in 12 periods")
    assert of_trial(Measured(starved=1)) == ("starved in 1 period",)
    assert of_trial(Measured(infer_ms=5.0, infer_ms_most=5.0, inferences=1)) == ("inference 5.0 ms, 5.0 at most",)
    assert of_trial(Measured(jerk=812.0)) == of_trial(None) == ()


def test_the_page_says_it_of_each_trial_and_of_all() -> None:
    told = page(document(replay(session(QUICK, SLOW, None))))
    rows = {row.name: [value.text for value in row.values] for part in told.sections for row in part.rows}
    assert rows["inference"] == ["7.2 to 41 ms", "3100 ms at most", "seams up to 1.2°", "starved in 12 periods"]
    assert rows["2"][-1] == "inference 7.2 ms, 3100 at most, seam 0.3°, starved in 12 periods"


def test_the_screen_says_it_of_the_newest_trial_that_is_over() -> None:
    assert measured_line(replay(session())) is None
    line = measured_line(replay(session(QUICK, SLOW)))
    assert line is not None and line.plain == (
        "trial 2: inference 7.2 ms, 3100 at most, seam 0.3°, starved in 12 periods"
    )

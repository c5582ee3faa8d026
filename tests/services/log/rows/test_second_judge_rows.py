"""What a second judge tells on an evaluation's page: where he disagrees, how the judge errs, what follows."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from services.folders import DataFolder
from services.log.page import page
from services.log.rows.second_judge_rows import opinion_words, second_judge_sections
from services.refusal import Refusal
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from sessions.second_judge import agreement, error_of, known
from sessions.statistics.judging import Agreement, Judge
from sessions.statistics.second_opinions import told
from sessions.trained_judge import Seen, TrainedJudge
from tests.support import facts

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


TRAINED = TrainedJudge(
    fingerprint="f", bench="sim", task="t", cameras=(Seen(camera="wrist", width=64, height=48),),
    successes=40, successes_found=38, failures=30, failures_found=27,
)  # fmt: skip


def session(
    *judged: tuple[Verdict, Verdict | None, Verdict | None], second: str = "oracle~0.1", **asked: object
) -> Session:
    """Trials as (verdict as it stands, second judge's opinion, verdict before that was told)."""
    trials = tuple(
        Trial(index=n, verdict=verdict, second=opinion, judged_first=first)
        for n, (verdict, opinion, first) in enumerate(judged, 1)
    )
    return facts.session("s1", kind=SessionKind.EVAL, trials=trials, second_judge=second, **asked)


def shown(of: Session) -> str:
    return "\n".join(f"{row.name}: {row.text}" for each in second_judge_sections(of) for row in each.rows)


def test_without_a_second_judge_there_is_nothing() -> None:
    assert second_judge_sections(session((S, None, None), second="")) == []


def test_disagreement_is_flagged_and_the_judges_errors_follow() -> None:
    judged = [(S, S, S)] * 8 + [(F, F, F)] * 8 + [(S, F, S), (F, S, F), (V, None, None)]
    made = session(*judged)
    said = shown(made)
    assert "oracle, wrong in 10 % of trials by choice" in said and "agrees: with 16 of 18 verdicts" in said
    assert "disagrees: trials 17, 18" in said
    found = told([Agreement(8, 1, 1, 8)], Judge(0.9, 0.9))
    assert found and (rate := found.rates[0])
    assert f"corrected: {100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]" in said
    assert "for 50 % as judged" in said and ("errors: 1" in said or "errors: 0" in said)
    (table,) = (each for each in page(made).sections if each.name == "trials")
    assert ["the second judge says" in row.text for row in table.rows] == [False] * 16 + [True, True, False]


def test_a_trial_in_which_a_person_helped_is_no_disagreement() -> None:
    helped = Trial(index=1, verdict=F, second=S, judged_first=F, assisted=True)
    assert agreement([helped]) == Agreement() and not opinion_words(helped)


def test_a_verdict_that_was_mended_after_the_opinion_counts_as_it_was_given_first() -> None:
    made = session((S, S, F), (F, F, F), (S, S, S))
    assert agreement(made.trials) == Agreement(1, 0, 1, 1)
    assert "disagrees" not in shown(made)  # as it stands, he agrees


def test_where_no_errors_can_be_told_that_is_said() -> None:
    assert "none yet: each comes after a verdict" in shown(session((S, None, None)))
    assert "cannot be told from 1 trial" in shown(session((S, S, S), second="oracle"))


def test_of_a_trained_one_it_says_how_he_errs_and_of_which_trials_he_had_no_opinion() -> None:
    told_of = [(S, S, S)] * 20 + [(F, F, F)] * 20 + [(S, F, S)]
    made = session(*told_of, second="mine", trained_judge=TRAINED)
    silent = Trial(index=42, verdict=S, no_opinion="camera wrist shows nothing")
    said = shown(msgspec.structs.replace(made, trials=(*made.trials, silent)))
    assert "mine, wrong in 2 of 40 successes, 5 % [1, 24] and 3 of 30 failures, 10 % [2, 34], among trials" in said
    assert "no opinion: of trial 42" in said and "camera wrist shows nothing" in said
    assert "allows for: errors in the verdicts that the second judge was trained on" in said
    exact = shown(session(*told_of, second="oracle"))
    widths = [re.search(r"corrected: \d+ % \[(\d+), (\d+)\]", each) for each in (said, exact)]
    trained, oracle = (int(each[2]) - int(each[1]) for each in widths if each)
    assert trained > oracle, "what is not known of a trained judge widens the interval"
    assert known(facts.request(SessionKind.EVAL, trained_judge=TRAINED)) == Judge(0.95, 0.9, 20, 15)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "error"),
    [("oracle", 0.0), ("oracle~0.1", 0.1), ("oracle~.4", 0.4), ("oracle~0.5", None), ("oracle~", None),
     ("oracle~-1", None), ("oracle~nan", None), ("oracle~1e-1", None), ("orakel", None), ("", None),
     ("oracle~\u0661", None)],
)  # fmt: skip
def test_how_a_second_judge_is_written(written: str, error: float | None) -> None:
    assert error_of(written) == error


def test_a_second_judge_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from services.evaluation.second_judge import with_second
    from sessions.bench import Profile

    real, sim = Profile(robot={}), Profile(robot={}, sim={})

    def asked(second: str, profile: Profile) -> None:
        request = facts.request(SessionKind.EVAL, profile=profile, second_judge=second)
        with_second(DataFolder(tmp_path), request)  # type: ignore[arg-type]

    asked("oracle~0.1", sim)
    asked("", real)
    with pytest.raises(Refusal, match="sees the simulated bench only"):
        asked("oracle", real)
    with pytest.raises(Refusal, match=r"at most 0\.4, such as oracle~0\.1, or one that .* not 'oracle~0\.9'"):
        asked("oracle~0.9", sim)

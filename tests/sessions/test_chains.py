"""Evaluations that went over several sessions: put together once, whatever a log says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sessions.before import Before, Tried
from sessions.chains import by_session, evaluation_of, evaluations
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from tests.support.facts import BEGAN, CHECKPOINT, session

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID


def an_eval(name: str, *verdicts: Verdict | None, at: float = 0.0, target: int = 10, **more: Any) -> Session:
    trials = tuple(
        Trial(index=n, verdict=v, checkpoint=CHECKPOINT, practice=v is None, condition="lamp")
        for n, v in enumerate(verdicts, 1)
    )
    return session(name, kind=SessionKind.EVAL, trials=trials, at=BEGAN + at, target=target, **more)


def test_sessions_of_a_chain_are_one_evaluation_with_the_sum_of_their_trials() -> None:
    first = an_eval("a", S, F, V, None, target=10)
    second = an_eval("b", S, at=5, target=8, resumes="a", before=evaluation_of(first, ()).so_far)
    before = Before(sessions=2, attempts=5, void=1, tried=(Tried(CHECKPOINT, "lamp", 2, 1),))
    third = an_eval("c", F, at=9, target=7, resumes="b", before=before)
    alone, training = an_eval("d", S, at=7), session("t", kind=SessionKind.TRAIN)
    log = (third, alone, training, first, second)
    assert [[s.id for s in whole.sessions] for whole in evaluations(log)] == [["d"], ["a", "b", "c"]]
    for part in (first, second, third):
        whole = evaluation_of(part, log)
        assert whole == by_session(log)[part.id] and whole.several and not whole.missing
        assert [whole.count(v) for v in Verdict] == [2, 2, 1]
        assert (whole.judged, whole.wanted, whole.left) == (4, 10, 6)
        assert [(s.id, t.index) for s, t in whole.trials][-2:] == [("b", 1), ("c", 1)]
    assert evaluation_of(second, (first, second)).so_far == before
    assert not evaluation_of(alone, log).several and "t" not in by_session(log)


def test_two_sessions_that_go_on_with_one_are_one_evaluation() -> None:
    first = an_eval("a", S)
    both = [an_eval(name, F, at=1, target=9, resumes="a", before=evaluation_of(first, ()).so_far) for name in "bc"]
    (whole,) = evaluations([first, *both])
    assert [s.id for s in whole.sessions] == ["a", "b", "c"] and whole.judged == 3


def test_what_a_missing_session_came_to_counts_as_it_was_told() -> None:
    before = Before(sessions=1, attempts=4, void=1, tried=(Tried(CHECKPOINT, "lamp", 2, 1),))
    whole = evaluation_of(an_eval("b", S, target=7, resumes="gone", before=before), ())
    assert whole.missing == "gone" and whole.several
    assert (whole.judged, whole.wanted, [whole.count(v) for v in Verdict]) == (4, 10, [3, 1, 1])
    assert whole.so_far == Before(sessions=2, attempts=5, void=1, tried=(Tried(CHECKPOINT, "lamp", 3, 1),))


def test_a_foreign_log_that_runs_in_a_circle_or_counts_below_nothing_ends_somewhere() -> None:
    hostile = Before(sessions=-3, attempts=-9, void=-1, tried=(Tried("p", "", -5, -5),))
    ring = [an_eval(a, S, at=n, resumes=b, before=hostile) for n, (a, b) in enumerate(["ab", "bc", "ca", "da"])]
    itself = an_eval("e", F, resumes="e")
    to_training = an_eval("f", S, resumes="t", before=hostile)
    found = evaluations([*ring, itself, to_training, session("t", kind=SessionKind.TRAIN)])
    assert sorted(len(whole.sessions) for whole in found) == [1, 1, 4]
    assert sorted(whole.judged for whole in found) == [1, 1, 4]
    assert next(w for w in found if w.sessions[0].id == "f").missing == "t"
    long = [an_eval(f"{n:05}", resumes=f"{n - 1:05}") for n in range(5000)]
    (whole,) = evaluations(long)
    assert len(whole.sessions) == 5000 and whole.missing == f"{-1:05}"


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["", *"abcdefghxy"]), min_size=1))
def test_every_session_is_in_exactly_one_evaluation_with_those_that_it_goes_on_with(links: dict[str, str]) -> None:
    log = [an_eval(name, S, resumes=other) for name, other in links.items()]
    found = evaluations(log)
    assert sorted(s.id for whole in found for s in whole.sessions) == sorted(links)
    of = {s.id: at for at, whole in enumerate(found) for s in whole.sessions}
    assert all(of[name] == of[other] for name, other in links.items() if other in links)

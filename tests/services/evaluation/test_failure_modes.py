"""Failure modes learnt from use: which are offered, and what can be typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from screens.views.trials import modes, modes_line
from services.evaluation import plan as evaluation
from services.evaluation.failure_modes import LONGEST, learnt, offered, spelled, why_no_mode
from services.live import events as ev
from services.live.snapshots import Snapshot, advance, replay
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from tests.services.evaluation.test_plan import bench, write_policy
from tests.support.facts import BEGAN, session, started
from tests.support.runs import make_folder, numbered, session_id, write_run


def failed(number: int, *given: str, **more: Any) -> Session:
    trials = tuple(Trial(index=n, verdict=Verdict.FAILURE, failure_mode=mode) for n, mode in enumerate(given, 1))
    told = {"at": BEGAN + number, "task": "pick", "bench": "sim", **more}
    return session(session_id(number), kind=SessionKind.EVAL, trials=trials, **told)


def test_the_most_used_come_first_and_of_equal_ones_the_newest() -> None:
    log = [
        failed(1, "slides", "Slides off", "tips it", "Tips it"),
        failed(3, "too high", "slides  off", "slides off", ""),
        failed(2, "hits the rim"),
        failed(4, "of another task", task="stack"),
        failed(5, "of another bench", bench="so101"),
        failed(6, "\x1b[31mhostile", "x" * (LONGEST + 1), "\u202eback"),
    ]
    assert learnt(log, "sim", "pick") == ("Slides off", "tips it", "too high", "hits the rim", "slides")


def test_those_of_lab_toml_come_first_and_there_are_nine_at_most() -> None:
    own = ("grasps air", "drops it")
    assert offered(own, ["Drops it", "slides"]) == ("grasps air", "drops it", "slides")
    assert len(offered(own, map(str, range(20)))) == 9 and offered((), ()) == ()


def test_what_is_typed_is_one_line_of_some_length_and_as_the_known_one_is_spelt() -> None:
    assert spelled("  DROPS   it ", ("drops it",)) == "drops it" and spelled(" a  b ", ()) == "a b"
    assert "at most 40 characters, this one has 41" in why_no_mode("x" * 41) and not why_no_mode("x" * 40)
    assert "control characters" in why_no_mode("a\x1b[2Jb")


def test_a_session_is_told_what_the_log_has_learnt_and_keeps_to_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    policy = write_policy(folder)
    asked = evaluation.plan(folder, bench("sim-state"), checkpoint=str(policy), task="pick_place")
    trial = [
        ev.TrialStarted(trial=1),
        ev.TrialEnded(trial=1, frames=9, reason="key"),
        ev.TrialJudged(trial=1, verdict=Verdict.FAILURE),
        ev.TrialAnnotated(trial=1, failure_mode="slides off"),
    ]
    begun = ev.SessionStarted(id=session_id(1), pid=1, host="h", request=asked)
    write_run(folder, session_id(1), begun, *trial, ev.SessionEnded(status="finished"))
    told = evaluation.with_failure_modes(folder, asked)
    assert told.failure_modes == (*asked.profile.failure_modes, "slides off")
    again = evaluation.with_failure_modes(folder, msgspec.structs.replace(asked, failure_modes=("tips it",)))
    assert again.failure_modes == ("tips it", "slides off"), "one that goes on keeps its digits"


def evaluated(**more: Any) -> Snapshot:
    return replay(numbered(started(session_id(1), kind=SessionKind.EVAL, **more), ev.TrialStarted(trial=1)))


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", ""]), max_size=20))
def test_a_digit_never_changes_its_meaning_while_a_session_runs(typed: list[str]) -> None:
    state = evaluated(failure_modes=("b", "z"))
    seen = modes(state)
    assert seen == ("b", "z")
    for mode in typed:
        state = advance(state, ev.TrialAnnotated(trial=1, failure_mode=mode, seq=state.last_seq + 1))
        now = modes(state)
        assert now[: len(seen)] == seen and len(now) <= 9
        assert not mode or mode in now or len(now) == 9
        seen = now


def test_an_older_session_has_those_of_its_bench() -> None:
    profile = evaluated().started.request.profile  # type: ignore[union-attr]
    assert profile is not None and modes(evaluated()) == profile.failure_modes


def test_every_mode_has_its_digit_where_the_line_is_too_short_for_all_words_and_the_chosen_one_is_whole() -> None:
    named = ("grasps air", "drops it", "misses the bowl", "does not move")
    state = evaluated(failure_modes=named)
    state = advance(state, ev.TrialAnnotated(trial=1, failure_mode="rolls away", seq=state.last_seq + 1))
    wide, narrow = (modes_line(state, width).plain for width in (200, 78))
    assert wide.endswith("4 does not move  5 \u2713rolls away  o other")
    assert len(narrow) <= 78 and "5 \u2713rolls away" in narrow and narrow.endswith("o other")
    assert all(f"  {digit} {mode[:4]}" in narrow for digit, mode in enumerate(named, 1))

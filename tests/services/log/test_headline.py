"""A session in one line of words: whatever happened in it, and whatever its texts hold."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

import msgspec
import pytest

from services.log.headline import counts, headline, rate, seconds, subject
from services.units import duration, epochs
from sessions.document import Session
from sessions.models import Episode, SessionKind, SessionStatus, Trial, Verdict
from sessions.times import unix
from tests.services.log.test_logbook import a_session
from tests.support import facts


def test_a_headline_says_when_what_and_how_it_went() -> None:
    episodes = tuple(
        Episode(index=n, take=n + 1, frames=200, seconds=6.7, accepted=n != 2, flags=("late",) if n == 1 else ())
        for n in range(4)
    )
    line = headline(
        a_session(
            dataset="cubes",
            target=50,
            ended=unix("2026-02-18T00:18:30Z"),
            episodes=episodes,
            status=SessionStatus.CRASHED,
            alarms=("wrist: frozen in take 1", *2 * ("overhead: black in take 12",)),
            tags=("night",),
        ),
        UTC,
    )
    assert (line.when, line.kind, line.what) == ("2026-02-17 14:20", "record", "cubes")
    assert (line.counts, line.duration) == ("3 of 50 kept  1 rejected  1 flagged", "9 h 58 m")
    assert line.marks == ("crashed", "overhead: black in take 12 (+1)", "#night")


def test_a_headline_speaks_the_clock_of_the_lab() -> None:
    assert headline(a_session(), timezone(timedelta(hours=10))).when == "2026-02-18 00:20"


def test_a_running_session_has_no_duration_and_a_bench_session_no_counts() -> None:
    line = headline(a_session(status=SessionStatus.RUNNING, kind=SessionKind.BENCH, bench="so101"))
    assert (line.duration, line.counts, line.what, line.marks) == ("", "", "so101", ("running",))


def test_how_long_it_took_is_unknown_where_only_its_day_is() -> None:
    session = a_session(ended=unix("2026-02-18T00:18:30Z"))
    started = msgspec.structs.replace(session.started, day_only=True)
    assert seconds(msgspec.structs.replace(session, started=started)) == 0.0


def test_a_headline_is_harmless_whatever_the_task_says() -> None:
    nasty = "\x1b]0;owned\x07pick\n\x1b[31m[b]cube[/b]"
    line = headline(a_session(task=nasty, alarms=(nasty,), tags=(nasty,), at=1e20))
    assert line.what == "pick [b]cube[/b]"
    assert not any(ord(c) < 32 for text in (line.what, *line.marks, line.when) for c in text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0.4, "0 s"), (31, "31 s"), (59.6, "1 m 00 s"), (252, "4 m 12 s"), (35_880, "9 h 58 m")],
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# --- trainings ----------------------------------------------------------------------------------


def a_training(**more: Any) -> Session:
    return a_session(kind=SessionKind.TRAIN, dataset="cubes", training=facts.training(**more))


def test_a_training_counts_steps_loss_and_checkpoints() -> None:
    session = a_training(loss=0.00601, checkpoints=tuple(map(facts.checkpoint_saved, (5_000, 10_000, 15_000, 20_000))))
    line = headline(session, UTC)
    assert (line.what, line.counts) == ("act_v2", "20,000 steps  loss 0.00601  4 checkpoints")
    assert line.marks == ()


def test_a_training_that_ended_early_says_of_how_many_steps() -> None:
    session = a_training(done=3_210, checkpoints=(facts.checkpoint_saved(3_000),), excluded_cameras=("overhead",))
    assert counts(session) == "3,210 of 20,000 steps  1 checkpoint"
    assert headline(session).marks == ("without overhead",)


def test_a_training_without_a_first_step_is_called_by_what_was_asked() -> None:
    asked = a_session(kind=SessionKind.TRAIN, dataset="cubes", policy="act", name="act_cubes")
    assert (subject(asked), counts(asked)) == ("act_cubes", "")
    assert subject(a_session(kind=SessionKind.TRAIN, dataset="cubes", policy="act", name="")) == "act on cubes"


# --- evaluations --------------------------------------------------------------------------------

CHECKPOINT = "/data/outputs/train/act_v2/checkpoints/020000/pretrained_model"


def an_evaluation(*verdicts: Verdict | None) -> Session:
    trials = tuple(Trial(index=n, verdict=verdict, ended_by="time") for n, verdict in enumerate(verdicts, 1))
    return a_session(kind=SessionKind.EVAL, checkpoint=CHECKPOINT, dataset="rollout_act_v2_020000", trials=trials)


def test_an_evaluation_counts_verdicts_and_gives_the_rate_with_its_interval() -> None:
    line = headline(an_evaluation(*[Verdict.SUCCESS] * 12, *[Verdict.FAILURE] * 8))
    assert (line.what, line.counts) == ("act_v2 @ 020000", "12 success 8 failure 60 % [39, 78]")


def test_void_trials_are_counted_apart_and_pending_ones_not_at_all() -> None:
    assert counts(an_evaluation(Verdict.VOID, Verdict.SUCCESS, None)) == "1 success 0 failure 1 void 100 % [21, 100]"
    assert counts(an_evaluation(Verdict.VOID)) == "0 success 0 failure 1 void"
    assert counts(an_evaluation()) == ""


def test_a_rate_of_nothing_is_not_told() -> None:
    assert rate(0, 0) == ""
    assert rate(40, 40) == "100 % [91, 100]"


def test_less_than_a_tenth_of_an_epoch_is_not_none() -> None:
    assert [epochs(each) for each in (0, 0.0417, 0.1, 57.06)] == ["0.0", "0.0417", "0.1", "57.1"]

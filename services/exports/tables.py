"""The tables of the log: their columns, and the rows that a session has in each. Pure.

A table is tidy: a row is one session, episode, trial, checkpoint, log point, alarm or note, and `session` joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.log.headline import alarm_counts, policy_of, seconds, subject
from services.training.watching.points import Points
from sessions.blinding import blind
from sessions.document import Session
from sessions.models import Verdict
from sessions.requests import EvalRequest
from sessions.times import utc

Cell = str | int | float | bool | None


class Type(StrEnum):
    """What a column holds, in the words of a Data Package's table schema."""

    TEXT = "string"
    WHOLE = "integer"
    NUMBER = "number"
    TRUTH = "boolean"
    TIME = "datetime"


@dataclass(frozen=True)
class Column:
    """A column; `what` explains it where its name does not."""

    name: str
    type: Type = Type.TEXT
    what: str = ""


@dataclass(frozen=True)
class Table:
    """A table: its name, columns, and the rows of a session, each as long as the columns."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Session, Points], Iterator[tuple[Cell, ...]]]


def _texts(names: str) -> tuple[Column, ...]:
    return tuple(map(Column, names.split()))


def _wholes(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Type.WHOLE) for name in names.split())


def _numbers(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Type.NUMBER) for name in names.split())


def _truths(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Type.TRUTH) for name in names.split())


def _times(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Type.TIME) for name in names.split())


def _time(at: float) -> str | None:
    return utc(at) if at > 0 else None


def _joined(texts: tuple[str, ...]) -> str:
    return "; ".join(texts)


def _session(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    training = s.training
    yield (
        s.id, s.kind, s.status, s.started_utc or None, s.ended_utc, seconds(s) or None, s.operator, s.host, s.bench,
        s.task, s.dataset, s.dataset_root, s.checkpoint, s.trained_in, policy_of(s), subject(s), blind(s.request),
        bool(s.started.imported), s.target, s.accepted, s.rejected, *(s.count(verdict) for verdict in Verdict),
        training.step if training else 0, len(training.checkpoints) if training else 0, len(points),
        training.loss if training else None, s.end_reason, _joined(s.tags), s.brought_in.place if s.brought_in else "",
    )  # fmt: skip


def _episodes(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    for e in s.episodes:
        yield (
            s.id, s.dataset, e.index, e.take, e.frames, e.seconds, e.accepted, _joined(e.flags), e.why, e.marked_by,
            _joined(tuple(map(str, e.moments))), e.strategy,
            _joined(tuple(f"{camera} {level}" for camera, level in e.light.items())),
            *((e.grasp.x, e.grasp.y) if e.grasp else (None, None)),
        )  # fmt: skip


def _trials(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    asked = s.request if isinstance(s.request, EvalRequest) else None
    for t in s.trials:
        m = t.measured
        yield (
            s.id, s.dataset, t.index, t.checkpoint or s.checkpoint, t.condition or (asked.condition if asked else ""),
            t.verdict, t.counts, t.practice, t.assisted, t.failure_mode, _joined(t.stages), t.judge, t.ended_by, t.why,
            _time(t.began), _time(t.judged_at), *((None, None, None) if s.started.imported else
                                                 (t.seconds, t.seconds_to_verdict, t.frames)), t.episode_index,
            t.second, t.judged_first, t.no_opinion,
            *((m.infer_ms, m.infer_ms_most, m.inferences, m.starved, m.late, m.jerk, m.seam) if m else (None,) * 7),
        )  # fmt: skip


def _checkpoints(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    for c in s.training.checkpoints if s.training else ():
        yield s.id, c.step, _time(c.at), c.path, c.bytes or None, c.seconds or None, c.loss, c.eval_loss, c.weights


def _metrics(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    for point in points.since(0):
        for name, value in point.metrics.items():
            yield s.id, point.step, _time(point.at), point.samples, name, value


def _alarms(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    for a in alarm_counts(s):
        yield s.id, _time(a.first), a.times, a.camera or "", a.text


def _notes(s: Session, points: Points) -> Iterator[tuple[Cell, ...]]:
    for number, n in enumerate(s.notes, 1):
        yield (
            s.id,
            number,
            n.kind,
            n.at_utc or None,
            n.author,
            n.trial,
            n.text,
            n.edits,
            n.edited_utc or None,
            n.edited_by,
        )


SESSION = _texts("session")
TABLES = (
    Table(
        "sessions",
        (
            *_texts("session kind status"), *_times("started_utc ended_utc"), Column("seconds", Type.NUMBER,
            "how long it took, without pauses"), *_texts("operator host bench task dataset dataset_root"),
            Column("checkpoint", what="the policy that was evaluated; a code where that is blinded"),
            Column("trained_in", what="the session that trained it"), *_texts("policy subject"),
            *_truths("blinded imported"), Column("target", Type.WHOLE, "accepted episodes, steps or judged trials "
            "asked for; 0 for none"), *_wholes("accepted rejected success failure void step checkpoints points"),
            Column("loss", Type.NUMBER, "the last that was logged"), *_texts("end_reason tags"),
            Column("came_from", what="the other bench's log, or the archive, that it came in with"),
        ),
        _session,
    ),
    Table(
        "episodes",
        (
            *_texts("session dataset"), Column("episode", Type.WHOLE, "number in the dataset, from 0"),
            Column("take", Type.WHOLE, "number in the session, from 1"), *_wholes("frames"), *_numbers("seconds"),
            *_truths("accepted"), *_texts("flags why marked_by"), Column("moments", what="marked frames, from 0"),
            *_texts("strategy"), Column("light", what="mean brightness of each camera's pictures, 0 to 255"),
            Column("grasp_x", Type.NUMBER, "where the arm grasped first, mm ahead of its base"),
            Column("grasp_y", Type.NUMBER, "mm left of it"),
        ),
        _episodes,
    ),
    Table(
        "trials",
        (
            *SESSION, Column("dataset", what="where its motion is"), Column("trial", Type.WHOLE, "attempt in the "
            "session, from 1"), *_texts("checkpoint condition"), Column("verdict", what="success, failure, void, or "
            "empty without one"), Column("counts", Type.TRUTH, "whether the success rate is made of it"),
            *_truths("practice assisted"), *_texts("failure_mode stages judge ended_by why"),
            *_times("began_utc judged_utc"), *_numbers("seconds seconds_to_verdict"), *_wholes("frames"),
            Column("episode", Type.WHOLE, "number in the dataset, empty if the motion was not saved"),
            Column("second", what="what a second judge thinks"), Column("judged_first", what="the verdict before that "
            "was told"), Column("no_opinion", what="why that one thinks nothing"),
            *_numbers("infer_ms infer_ms_most"), *_wholes("inferences starved late"),
            Column("jerk", Type.NUMBER, "degrees/s^3"), Column("seam", Type.NUMBER, "degrees"),
        ),
        _trials,
    ),
    Table(
        "checkpoints",
        (
            *SESSION, *_wholes("step"), *_times("saved_utc"), *_texts("path"), *_wholes("bytes"),
            Column("seconds", Type.NUMBER, "to write it"), *_numbers("loss eval_loss"),
            Column("weights", what="fingerprint of its policy"),
        ),
        _checkpoints,
    ),
    Table(
        "metrics",
        (
            *SESSION, *_wholes("step"), *_times("at_utc"), *_wholes("samples"),
            Column("metric", what="loss, lr, grad_norm, update_s, data_s, samples_per_s, eval_loss, ..."),
            Column("value", Type.NUMBER, "empty where it was not a number (NaN)"),
        ),
        _metrics,
    ),
    Table(
        "alarms",
        (*SESSION, Column("first_utc", Type.TIME), *_wholes("times"), Column("camera"), Column("text")),
        _alarms,
    ),
    Table(
        "notes",
        (
            *SESSION, Column("note", Type.WHOLE, "number in the session, from 1"),
            Column("kind", what="note, hypothesis or lesson"), *_times("at_utc"), *_texts("author"),
            Column("trial", Type.WHOLE, "the attempt that it was written at, 0 for none"), *_texts("text"),
            *_wholes("edits"), *_times("edited_utc"), *_texts("edited_by"),
        ),
        _notes,
    ),
)  # fmt: skip

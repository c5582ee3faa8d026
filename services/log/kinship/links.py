"""Where a session's data or policy came from, and what came of it: derived from the log's documents. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.checkpoints.checkpoint import label
from services.log.kinship.tried import Tried, began_with, may_be_of, saved_as, tried
from services.text import clean
from sessions.blinding import blind
from sessions.chains import resumes
from sessions.document import Session
from sessions.models import SessionKind


@dataclass(frozen=True)
class Relation:
    """A session at the other end of a link, and what links them; without `session`, `what` says what is missing."""

    what: str
    session: Session | None = None


def origins(session: Session, log: Sequence[Session]) -> list[Relation]:
    """The sessions that made what this one used, newest first: data, or the policy. Empty where it used nothing."""
    match session.kind:
        case SessionKind.TRAIN:
            return [*_data_of(session, log), *_pretrained(session, log)]
        case SessionKind.EVAL if blind(session.request):
            return _resumed(session, log)
        case SessionKind.EVAL:
            made = [_trained(each, log) for each in tried(session)]
            return [*made, *_resumed(session, log)]
        case SessionKind.RECORD:
            return _copied_from(session, log)
        case _:
            return []


def results(session: Session, log: Sequence[Session]) -> list[Relation]:
    """The sessions that used what this one made, newest first: its data, or its checkpoints."""
    match session.kind:
        case SessionKind.RECORD | SessionKind.EVAL:
            later = (other for other in log if _may_follow(other, session))
            used = [o for o in later if o.kind is SessionKind.TRAIN and _same_dataset(o, session)]
            went_on = [Relation("went on with it", other) for other in log if _goes_on_with(other, session)]
            trained = (Relation(f"trained on {clean(session.dataset)}", other) for other in used)
            return [*went_on, *trained, *_copies(session, log)]
        case SessionKind.TRAIN:
            return [*_evaluations(session, log), *_fine_tuned(session, log)]
        case _:
            return []


def _data_of(session: Session, log: Iterable[Session]) -> list[Relation]:
    """The recordings, or evaluations, into the dataset that a training used."""
    name = clean(session.dataset)
    before = (other for other in log if _may_follow(session, other) and _wrote_episodes(other))
    found = [Relation(f"recorded {name}", other) for other in before if _same_dataset(other, session)]
    return found or [Relation(f"no session of this log recorded dataset {name}: it came from elsewhere")]


def _copied_from(session: Session, log: Iterable[Session]) -> list[Relation]:
    """The recordings of the dataset that an imported one is a copy of."""
    name = session.started.recording.copy_of if session.started.recording is not None else ""
    if not name:
        return []
    there = (other for other in log if _wrote_episodes(other) and other.dataset == name)
    found = [Relation(f"recorded {clean(name)}", other) for other in there]
    return found or [Relation(f"no session of this log recorded {clean(name)}, of which it is a copy")]


def _copies(session: Session, log: Iterable[Session]) -> list[Relation]:
    """The imported datasets that are copies of what it recorded."""
    known = ((other, other.started.recording) for other in log)
    copies = (other for other, recording in known if recording and recording.copy_of == session.dataset != "")
    return [Relation(f"copied as {clean(other.dataset)}", other) for other in copies]


def _wrote_episodes(session: Session) -> bool:
    return session.kind in (SessionKind.RECORD, SessionKind.EVAL) and session.wrote_data


def _may_follow(session: Session, other: Session) -> bool:
    """Whether a session may have begun after the other: where one's time is not recorded, nothing says that not."""
    times = (other.started.at, session.started.at)
    return not all(times) or times[0] < times[1]


def _pretrained(session: Session, log: Sequence[Session]) -> list[Relation]:
    """The training whose checkpoint a training began with, if it began with a path."""
    checkpoint = began_with(session)
    return [_trained(checkpoint, log)] if checkpoint else []


def _goes_on_with(session: Session, other: Session) -> bool:
    return session.id != other.id and resumes(session) == other.id


def _resumed(session: Session, log: Iterable[Session]) -> list[Relation]:
    """The session that an evaluation went on with."""
    earlier = resumes(session)
    if not earlier:
        return []
    found = [Relation("stopped before it", other) for other in log if _goes_on_with(session, other)]
    return found or [Relation(f"it went on with session {clean(earlier)}, which this log does not have")]


def _trained(checkpoint: Tried, log: Sequence[Session]) -> Relation:
    """The training that made a checkpoint: by what it holds, else by the session that it names, or where it lies."""
    path, weights, trained_in = checkpoint.path, checkpoint.weights, checkpoint.trained_in
    name = clean(label(path)) if path else "its policy"
    for other in log if weights else ():
        if saved_as(other, weights):
            moved = "" if _made(other, path) else ", as what it holds tells"
            return Relation(f"trained {name}{moved}", other)
    for other in log:
        if other.id == trained_in or (not trained_in and _made(other, path)):
            return Relation(
                f"trained {name}" if may_be_of(other, weights) else f"saved other weights than {name}", other
            )
    if trained_in:
        return Relation(f"{name} was trained in session {clean(trained_in)}, which this log does not have")
    return Relation(f"no training of this log made {name}: it came from elsewhere")


def _evaluations(session: Session, log: Iterable[Session]) -> list[Relation]:
    return [
        Relation(f"tried {clean(label(checkpoint.path))}", other)
        for other in log
        if other.kind is SessionKind.EVAL
        for checkpoint in tried(other)
        if _came_from(session, checkpoint)
    ]


def _came_from(session: Session, checkpoint: Tried) -> bool:
    """Whether a checkpoint that was tried is of this training: by what it holds where both know it."""
    if saved_as(session, checkpoint.weights):
        return True
    named = checkpoint.trained_in == session.id or _made(session, checkpoint.path)
    return named and may_be_of(session, checkpoint.weights)


def _fine_tuned(session: Session, log: Iterable[Session]) -> list[Relation]:
    return [
        Relation(f"went on from {clean(label(used.path))}", other)
        for other in log
        if other.kind is SessionKind.TRAIN and other.id != session.id
        if (used := began_with(other)) is not None and _came_from(session, used)
    ]


def _made(session: Session, checkpoint: str) -> bool:
    """Whether a training's output folder holds this checkpoint."""
    if session.training is None or not Path(checkpoint).is_absolute():
        return False
    return Path(os.path.normpath(session.training.started.output_dir)) in Path(os.path.normpath(checkpoint)).parents


def _same_dataset(one: Session, other: Session) -> bool:
    """By the folder, where both know it, else by the name."""
    if not one.dataset or not other.dataset:
        return False
    roots = (one.dataset_root, other.dataset_root)
    return os.path.normpath(roots[0]) == os.path.normpath(roots[1]) if all(roots) else one.dataset == other.dataset

"""Where a session's data or policy came from, and what came of it: derived from the log's documents. Pure."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from services.checkpoints.checkpoint import label
from services.log.headline import policy_of
from services.text import clean
from sessions.blinding import blind
from sessions.chains import resumes
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.models import SessionKind
from sessions.requests import EvalRequest


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
            tried = [_trained(each, log) for each in _tried(session)]
            return [*tried, *_resumed(session, log)]
        case _:
            return []


def results(session: Session, log: Sequence[Session]) -> list[Relation]:
    """The sessions that used what this one made, newest first: its data, or its checkpoints."""
    match session.kind:
        case SessionKind.RECORD | SessionKind.EVAL:
            later = (other for other in log if _may_follow(other, session))
            used = [o for o in later if o.kind is SessionKind.TRAIN and _same_dataset(o, session)]
            went_on = [Relation("went on with it", other) for other in log if _goes_on_with(other, session)]
            return [*went_on, *(Relation(f"trained on {clean(session.dataset)}", other) for other in used)]
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


def _wrote_episodes(session: Session) -> bool:
    return session.kind in (SessionKind.RECORD, SessionKind.EVAL) and session.wrote_data


def _may_follow(session: Session, other: Session) -> bool:
    """Whether a session may have begun after the other: where one's time is not recorded, nothing says that not."""
    times = (other.started.at, session.started.at)
    return not all(times) or times[0] < times[1]


def _pretrained(session: Session, log: Sequence[Session]) -> list[Relation]:
    """The training whose checkpoint a training began with, if it began with a path."""
    path = policy_of(session)
    if not Path(path).is_absolute():
        return []
    return [_trained(_Tried(path), log)]


def _goes_on_with(session: Session, other: Session) -> bool:
    return session.id != other.id and resumes(session) == other.id


def _resumed(session: Session, log: Iterable[Session]) -> list[Relation]:
    """The session that an evaluation went on with."""
    earlier = resumes(session)
    if not earlier:
        return []
    found = [Relation("stopped before it", other) for other in log if _goes_on_with(session, other)]
    return found or [Relation(f"it went on with session {clean(earlier)}, which this log does not have")]


@dataclass(frozen=True)
class _Tried:
    """A checkpoint that was used: its folder, the session that it names, its fingerprint; empty where not known."""

    path: str
    trained_in: str = ""
    weights: str = ""


def _trained(tried: _Tried, log: Sequence[Session]) -> Relation:
    """The training that made a checkpoint: by what it holds, else by the session that it names, or where it lies."""
    name = clean(label(tried.path)) if tried.path else "its policy"
    for other in log if tried.weights else ():
        if any(saved.weights == tried.weights for saved in _saved(other)):
            moved = "" if _made(other, tried.path) else ", as what it holds tells"
            return Relation(f"trained {name}{moved}", other)
    for other in log:
        if other.id == tried.trained_in or (not tried.trained_in and _made(other, tried.path)):
            return Relation(f"trained {name}" if _may_be(other, tried) else f"saved other weights than {name}", other)
    if tried.trained_in:
        return Relation(f"{name} was trained in session {clean(tried.trained_in)}, which this log does not have")
    return Relation(f"no training of this log made {name}: it came from elsewhere")


def _saved(session: Session) -> Sequence[CheckpointSaved]:
    return session.training.checkpoints if session.training else ()


def _may_be(training: Session, tried: _Tried) -> bool:
    """Whether it may hold what the training saved: not if the fingerprints of all that it saved are others."""
    known = {saved.weights for saved in _saved(training)}
    return not tried.weights or not known or "" in known or tried.weights in known


def _evaluations(session: Session, log: Iterable[Session]) -> list[Relation]:
    return [
        Relation(f"tried {clean(label(tried.path))}", other)
        for other in log
        if other.kind is SessionKind.EVAL
        for tried in _tried(other)
        if _came_from(session, tried)
    ]


def _came_from(session: Session, tried: _Tried) -> bool:
    """Whether a checkpoint that was tried is of this training: by what it holds where both know it."""
    if tried.weights and any(saved.weights == tried.weights for saved in _saved(session)):
        return True
    return (tried.trained_in == session.id or _made(session, tried.path)) and _may_be(session, tried)


def _tried(session: Session) -> list[_Tried]:
    """The checkpoints that an evaluation tried."""
    request = session.request
    if blind(request):
        return []
    if not isinstance(request, EvalRequest):
        return [_Tried(session.checkpoint, session.trained_in)]
    trained_in = (request.trained_in, *request.further_trained_in)
    named = zip_longest(request.checkpoints, trained_in[: len(request.checkpoints)], fillvalue="")
    return [_Tried(path, trainer, _weights(session, path)) for path, trainer in named]


def _weights(session: Session, path: str) -> str:
    """The fingerprint of what was tried: as it was loaded, else as it was asked for."""
    if session.policy is not None and session.policy.checkpoint == path and session.policy.weights:
        return session.policy.weights
    asked = session.request.weights if isinstance(session.request, EvalRequest) else {}
    return asked.get(path, "")


def _fine_tuned(session: Session, log: Iterable[Session]) -> list[Relation]:
    return [
        Relation(f"went on from {clean(label(policy_of(other)))}", other)
        for other in log
        if other.kind is SessionKind.TRAIN and other.id != session.id and _made(session, policy_of(other))
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

"""Which checkpoints an evaluation tried, and whether a training may have made them: by what they hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePath

from services.log.headline import policy_of
from sessions.blinding import blind
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.requests import EvalRequest, TrainRequest


@dataclass(frozen=True)
class Tried:
    """A checkpoint that was used: its folder, the session that it names, its fingerprint; empty where not known."""

    path: str
    trained_in: str = ""
    weights: str = ""


def tried(session: Session) -> list[Tried]:
    """The checkpoints that an evaluation tried; none of a blinded one."""
    request = session.request
    if blind(request):
        return []
    if not isinstance(request, EvalRequest):
        return [Tried(session.checkpoint, session.trained_in)]
    trained_in = (request.trained_in, *request.further_trained_in)
    named = zip_longest(request.checkpoints, trained_in[: len(request.checkpoints)], fillvalue="")
    return [Tried(path, trainer, _weights(session, path)) for path, trainer in named]


def began_with(training: Session) -> Tried | None:
    """The checkpoint that a training began with; None for one that began with nothing, or from the Hub.

    Once it has started, LeRobot calls the policy by its type: what was asked for says from where.
    """
    asked = training.request.policy if isinstance(training.request, TrainRequest) else ""
    path = asked if PurePath(asked).is_absolute() else policy_of(training)
    weights = training.training.started.lineage.policy if training.training else ""
    return Tried(path, weights=weights) if PurePath(path).is_absolute() else None


def _weights(session: Session, path: str) -> str:
    """The fingerprint of what was tried: as it was loaded, else as it was asked for.

    Where a server had a path of its own it is not known: the request's is of the copy here.
    """
    if session.policy is not None and session.policy.checkpoint == path and session.policy.weights:
        return session.policy.weights
    request = session.request
    return request.weights.get(path, "") if isinstance(request, EvalRequest) and not request.server_path else ""


def saved_by(training: Session) -> Sequence[CheckpointSaved]:
    """The checkpoints of a training."""
    return training.training.checkpoints if training.training else ()


def saved_as(training: Session, weights: str) -> CheckpointSaved | None:
    """The checkpoint of a training that has this fingerprint; None for none, and where it is not known."""
    return next((saved for saved in saved_by(training) if weights and saved.weights == weights), None)


def may_be_of(training: Session, weights: str) -> bool:
    """Whether it may hold what the training saved: not if the fingerprints of all that it saved are others."""
    known = {saved.weights for saved in saved_by(training)}
    return not weights or not known or "" in known or weights in known

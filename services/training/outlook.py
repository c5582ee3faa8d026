"""What a training will take, as far as an earlier one like it tells: seconds per step, bytes per checkpoint. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sessions.document import Session, Training
from sessions.requests import TrainRequest


@dataclass(frozen=True)
class LikeRun:
    """An earlier run of the same policy. Zero where it does not tell.

    `same` is whether dataset, batch size and size of the pictures are the same, too; `began` is its Unix time.
    """

    name: str
    began: float
    batch_size: int
    dataset: str
    same: bool
    resize: tuple[int, int] | None = None
    step_seconds: float = 0.0
    checkpoint_bytes: int = 0


def like_run(
    sessions: Sequence[Session],
    *,
    policy: str,
    dataset: str,
    batch_size: int,
    resize: tuple[int, int] | None = None,
) -> LikeRun | None:
    """The newest run of this policy that tells its pace: with this batch, resize and dataset, or some of it."""
    runs = [(s, s.training) for s in sessions if s.training is not None and s.training.started.policy == policy]
    paced = [(s, training) for s, training in runs if training.step_seconds > 0]
    wanted = (batch_size, resize, dataset)
    best = sorted(paced, key=lambda run: -_likeness(_traits(*run), wanted))  # stable: newest first
    return _like(*best[0], wanted) if best else None


Traits = tuple[int, tuple[int, int] | None, str]
"""Batch size, resize and dataset: what a step takes depends on them, most on the first."""


def _traits(session: Session, training: Training) -> Traits:
    request = session.request
    resize = request.resize if isinstance(request, TrainRequest) else None
    return training.started.batch_size, resize, session.dataset


def _likeness(traits: Traits, wanted: Traits) -> int:
    return sum(weight for weight, one, other in zip((4, 2, 1), traits, wanted, strict=True) if one == other)


def _like(session: Session, training: Training, wanted: Traits) -> LikeRun:
    traits = _traits(session, training)
    request, sizes = session.request, [c.bytes for c in training.checkpoints if c.bytes]
    return LikeRun(
        name=request.name if isinstance(request, TrainRequest) else session.id,
        began=session.started.at,
        batch_size=training.started.batch_size,
        dataset=session.dataset,
        same=traits == wanted,
        resize=traits[1],
        step_seconds=training.step_seconds,
        checkpoint_bytes=sizes[-1] if sizes else 0,
    )


def checkpoints(steps: int, save_every: int) -> int:
    """How many checkpoints a training of so many steps saves; the last step always has one."""
    return 1 if save_every <= 0 else max(1, -(-steps // save_every))

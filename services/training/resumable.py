"""Whether a training may go on, as far as its session tells. Pure; `services.training.resuming` looks at the disk."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.live.snapshots import Snapshot
from services.text import clean
from sessions.document import Training
from sessions.models import SessionKind
from sessions.requests import TrainRequest


def going_on(request: TrainRequest, resumed: Training | None) -> TrainRequest:
    """The request, with the steps that are asked for now if the training is resumed."""
    return request if resumed is None else msgspec.structs.replace(request, steps=resumed.started.steps)


def why_not(snapshot: Snapshot, *, foreign: bool = False) -> str:
    """Why this run cannot be resumed, as far as its session tells, in a sentence; empty if it may be."""
    started, training = snapshot.started, snapshot.training
    if foreign:
        return "no session of this log made it: `lerobot-train --resume=true --config_path=...` goes on with such a run"
    if started is None:
        return "only a training of this log can be resumed, and no session tells of this one"
    if started.kind is not SessionKind.TRAIN:
        return f"session {started.id} is no training"
    if started.imported:
        return f"it was imported from {clean(Path(started.imported).name)}: its checkpoints are not here"
    if snapshot.brought_in is not None:
        return f"it came from another log, {clean(snapshot.brought_in.place)}: it can go on where it ran"
    if snapshot.running:
        return "it is running"
    if isinstance(started.request, TrainRequest) and (target := started.request.on):
        return f"it trained on {clean(target.place)}: `lab-console train --resume {started.id}` goes on with it there"
    if training is None:
        return "it ended before its first step: there is nothing to go on from"
    if not training.checkpoints:
        every = f", one is saved every {training.started.save_freq:,} steps" if training.started.save_freq else ""
        return f"it ended before its first checkpoint{every}: there is nothing to go on from"
    return ""

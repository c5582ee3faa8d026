"""A training that goes on in its session: what of its last part counts. Pure."""

from __future__ import annotations

import msgspec

from services.live import events as ev
from sessions.document import Training


def resumed(training: Training, event: ev.TrainingResumed) -> Training:
    """The training at that step: what came after it is lost."""
    saved = tuple(each for each in training.checkpoints if each.step <= event.step)
    part = event.step / training.step if training.step else 1.0
    loss = next((each.loss for each in saved if each.step == event.step), None)
    metrics = training.metrics if not event.lost else {} if loss is None else {"loss": loss}
    progress = ev.TrainingProgressed(
        at=event.at, step=event.step, samples=round(part * training.samples), epochs=part * training.epochs,
        points=training.points, metrics=metrics,
    )  # fmt: skip
    return msgspec.structs.replace(
        training, started=msgspec.structs.replace(training.started, steps=event.steps), progress=progress,
        checkpoints=saved, resumed=(*training.resumed, event),
    )  # fmt: skip

"""A training's progress in its supervisor: metrics.jsonl, progress events, and an alarm if the loss is not finite."""

from __future__ import annotations

import time

import msgspec

from services.live import events as ev
from services.live.metrics import encode_point
from services.live.reasons import AlarmSource
from services.workers.process.context import Context
from services.workers.training.messages import Logged
from services.workers.training.metrics_file import MetricsFile

PUBLISH_S, KEEP_S = 1.0, 30.0
"""How often progress is published on the socket, and kept as an event."""
WATCHED = {"loss": "the loss", "grad_norm": "the gradient norm"}
SPELLED = {"nan": "NaN", "inf": "infinite", "-inf": "infinite"}


class Progress:
    """Belongs to the supervisor's main thread. Publishes nothing before `begin`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._metrics = MetricsFile(context.run.metrics)
        self._started: ev.TrainingStarted | None = None
        self._now = ev.TrainingProgressed(step=0)
        self._kept = self._now
        self._published_at = self._kept_at = time.monotonic()
        self._odd: dict[str, tuple[str, int]] = {}
        self._disk_alarm = False

    @property
    def step(self) -> int:
        """The last step that is known to be done."""
        return self._now.step

    @property
    def step_seconds(self) -> float:
        """Seconds per step at the last log point; 0 before the first."""
        return self._now.metrics.get("update_s", 0.0) + self._now.metrics.get("dataloading_s", 0.0)

    @property
    def trouble(self) -> str:
        """For example `the loss is NaN since step 320`; empty while loss and gradient are finite."""
        parts = (f"{WATCHED[k]} is {SPELLED.get(v, v)} since step {at}" for k, (v, at) in self._odd.items())
        return " and ".join(parts)

    def begin(self, started: ev.TrainingStarted) -> None:
        """Note that the first step comes next."""
        self._started = started
        self._context.journal.emit(started)

    def reach(self, step: int) -> None:
        """Note the steps done; samples and epochs follow from them."""
        if self._started is not None and step > self._now.step:
            samples = step * self._started.batch_size
            self.advance(step, samples, samples / max(1, self._started.frames))

    def advance(self, step: int, samples: int, epochs: float) -> None:
        """Note the steps, samples and epochs done."""
        self._now = msgspec.structs.replace(self._now, step=step, samples=samples, epochs=epochs)

    def log(self, point: Logged) -> None:
        """Write a log point to metrics.jsonl at full precision."""
        self._metrics.append(
            encode_point(step=point.step, at=point.at, samples=point.samples, epochs=point.epochs, metrics=point.values)
        )
        self._now = msgspec.structs.replace(self._now, metrics=point.metrics, points=self._metrics.points)
        self.advance(point.step, point.samples, point.epochs)
        self._watch_disk()
        self._watch_loss(point)

    def tick(self) -> None:
        """Publish and keep progress when due."""
        now = time.monotonic()
        if self._started is not None and now - self._published_at >= PUBLISH_S:
            self._published_at = now
            self._watch_disk()
            self._context.server.publish(msgspec.structs.replace(self._now, at=time.time()))
        if now - self._kept_at >= KEEP_S:
            self.keep()

    def keep(self) -> None:
        """Make an event of the progress, if it has changed."""
        self._kept_at = time.monotonic()
        if self._started is not None and self._now != self._kept:
            self._kept = self._now
            self._context.journal.emit(self._now)

    def close(self) -> None:
        """Close metrics.jsonl and keep the last progress."""
        self._metrics.close()
        if self._metrics.trouble:
            text = f"metrics.jsonl may lack the last points: {self._metrics.trouble}"
            self._context.journal.emit(ev.AlarmRaised(source=AlarmSource.METRICS, text=text))
        self.keep()

    def _watch_disk(self) -> None:
        if self._metrics.trouble:
            self._metrics.flush()
        if bool(self._metrics.trouble) is self._disk_alarm:
            return
        self._disk_alarm = not self._disk_alarm
        text = f"metrics cannot be written: {self._metrics.trouble}; they wait in memory"
        alarm = ev.AlarmRaised(source=AlarmSource.METRICS, text=text, answer="free the disk")
        self._context.journal.emit(alarm if self._disk_alarm else ev.AlarmCleared(source=AlarmSource.METRICS))

    def _watch_loss(self, point: Logged) -> None:
        """Raise one alarm when the loss or gradient is no longer finite; the training goes on until it is stopped."""
        before = bool(self._odd)
        self._odd = {k: self._odd.get(k, (point.odd[k], point.step)) for k in WATCHED if k in point.odd}
        if self._odd and not before:
            answer = "stop it and train again with a lower learning rate (--set policy.optimizer_lr=...)"
            self._context.journal.emit(ev.AlarmRaised(source=AlarmSource.LOSS, text=self.trouble, answer=answer))
        elif before and not self._odd:
            self._context.journal.emit(ev.AlarmCleared(source=AlarmSource.LOSS))

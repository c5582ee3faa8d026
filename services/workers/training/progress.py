"""How far a training is, as its supervisor tells it: metrics.jsonl, progress, and a loss that is no number."""

from __future__ import annotations

import time

import msgspec

from services.live import events as ev
from services.live.metrics import encode_point
from services.workers.process.context import Context
from services.workers.training.messages import Logged
from services.workers.training.metrics_file import MetricsFile

TELL_S, KEEP_S = 1.0, 30.0
"""How often progress is told on the socket, and kept as an event."""
WATCHED = {"loss": "the loss", "grad_norm": "the gradient norm"}
SPELT = {"nan": "NaN", "inf": "infinite", "-inf": "infinite"}


class Progress:
    """Belongs to the supervisor's main thread. Nothing is told before `begin`."""

    def __init__(self, context: Context) -> None:
        self._desk = context
        self._metrics = MetricsFile(context.run.metrics)
        self._started: ev.TrainingStarted | None = None
        self._now = ev.TrainingProgressed(step=0)
        self._kept = self._now
        self._told_at = self._kept_at = time.monotonic()
        self._odd: dict[str, tuple[str, int]] = {}
        self._disk_alarm = False

    @property
    def step(self) -> int:
        """The last step that is known to be done."""
        return self._now.step

    @property
    def step_seconds(self) -> float:
        """What a step took at the last log point; 0 before the first."""
        return self._now.metrics.get("update_s", 0.0) + self._now.metrics.get("dataloading_s", 0.0)

    @property
    def trouble(self) -> str:
        """`the loss is NaN since step 320`; empty while it is a number."""
        parts = (f"{WATCHED[k]} is {SPELT.get(v, v)} since step {at}" for k, (v, at) in self._odd.items())
        return " and ".join(parts)

    def begin(self, started: ev.TrainingStarted) -> None:
        """The first step comes next."""
        self._started = started
        self._desk.journal.tell(started)

    def reach(self, step: int) -> None:
        """So many steps are done; samples and epochs follow from it."""
        if self._started is not None and step > self._now.step:
            samples = step * self._started.batch_size
            self.advance(step, samples, samples / max(1, self._started.frames))

    def advance(self, step: int, samples: int, epochs: float) -> None:
        """So many steps, samples and epochs are done."""
        self._now = msgspec.structs.replace(self._now, step=step, samples=samples, epochs=epochs)

    def log(self, told: Logged) -> None:
        """A log point: into metrics.jsonl at full precision."""
        self._metrics.append(
            encode_point(step=told.step, at=told.at, samples=told.samples, epochs=told.epochs, metrics=told.values)
        )
        self._now = msgspec.structs.replace(self._now, metrics=told.metrics, points=self._metrics.points)
        self.advance(told.step, told.samples, told.epochs)
        self._watch_disk()
        self._watch_loss(told)

    def tick(self) -> None:
        """Tell and keep what is due."""
        now = time.monotonic()
        if self._started is not None and now - self._told_at >= TELL_S:
            self._told_at = now
            self._watch_disk()
            self._desk.server.publish(msgspec.structs.replace(self._now, at=time.time()))
        if now - self._kept_at >= KEEP_S:
            self.keep()

    def keep(self) -> None:
        """Make an event of it, where it is news."""
        self._kept_at = time.monotonic()
        if self._started is not None and self._now != self._kept:
            self._kept = self._now
            self._desk.journal.tell(self._now)

    def close(self) -> None:
        """Keep the last of it."""
        self._metrics.close()
        if self._metrics.trouble:
            text = f"metrics.jsonl may lack the last points: {self._metrics.trouble}"
            self._desk.journal.tell(ev.AlarmRaised(source="metrics", text=text))
        self.keep()

    def _watch_disk(self) -> None:
        if self._metrics.trouble:
            self._metrics.flush()
        if bool(self._metrics.trouble) is self._disk_alarm:
            return
        self._disk_alarm = not self._disk_alarm
        text = f"metrics cannot be written: {self._metrics.trouble}; they wait in memory"
        alarm = ev.AlarmRaised(source="metrics", text=text, answer="free the disk")
        self._desk.journal.tell(alarm if self._disk_alarm else ev.AlarmCleared(source="metrics"))

    def _watch_loss(self, told: Logged) -> None:
        """Say it once when the loss or the gradient is no number any more; training goes on until it is stopped."""
        before = bool(self._odd)
        self._odd = {k: self._odd.get(k, (told.odd[k], told.step)) for k in WATCHED if k in told.odd}
        if self._odd and not before:
            answer = "stop it and train again with a lower learning rate (--set policy.optimizer_lr=...)"
            self._desk.journal.tell(ev.AlarmRaised(source="loss", text=self.trouble, answer=answer))
        elif before and not self._odd:
            self._desk.journal.tell(ev.AlarmCleared(source="loss"))

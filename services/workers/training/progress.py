"""A training's progress in its supervisor: metrics.jsonl, progress events, and an alarm if the loss is not finite."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from services.live import events as ev
from services.live.metrics import EVAL_LOSS, encode_point, encode_resumed, last_points
from services.live.reasons import AlarmSource
from services.units import size
from services.workers.process.context import Context
from services.workers.training.curve_watch import WINDOW, CurveWatch
from services.workers.training.machine import Machine
from services.workers.training.messages import Logged
from services.workers.training.metrics_file import MetricsFile

PUBLISH_S, KEEP_S = 1.0, 30.0
"""How often progress is published on the socket, and kept as an event."""
ROOM = 1.1
"""Times a checkpoint's size that should be free."""
BYTES_PER_PARAMETER = 12
"""Of a checkpoint with its training state, before one is saved: float32 weights, and Adam's two moments."""
WATCHED = {"loss": "the loss", "grad_norm": "the gradient norm"}
SPELLED = {"nan": "NaN", "inf": "infinite", "-inf": "infinite"}


class Progress:
    """Belongs to the supervisor's main thread. Publishes nothing before `begin`."""

    def __init__(self, context: Context) -> None:
        resumed = context.before.resuming
        self._context, self._resumed = context, resumed
        self._metrics = MetricsFile(context.run.metrics)
        self._started: ev.TrainingStarted | None = None
        self._machine: Machine | None = None
        self._now = (resumed.progress if resumed else None) or ev.TrainingProgressed(step=0)
        self._kept = self._now
        self._published_at = self._kept_at = time.monotonic()
        self._odd: dict[str, tuple[str, int]] = {}
        self._disk_alarm = self._space_alarm = False
        self._curves = CurveWatch()
        self._checkpoint_bytes = resumed.checkpoints[-1].bytes if resumed and resumed.checkpoints else 0

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
        """Note that the first step comes next, on which machine."""
        self._machine = Machine(started.device, Path(started.output_dir))
        self._started = msgspec.structs.replace(started, hardware=self._machine.hardware())
        self._context.journal.emit(self._started)
        if self._resumed is not None:
            self._go_on(self._resumed.step)

    def _go_on(self, step: int) -> None:
        """Say in metrics.jsonl where the run goes on; its curves are watched as if they had never stopped."""
        for before, values in last_points(self._context.run.metrics, until=step, count=WINDOW):
            for _ in self._curves.look(before, values):
                pass
        self._metrics.append(encode_resumed(step=step, at=time.time()))
        self._now = msgspec.structs.replace(self._now, points=self._metrics.points)

    def reach(self, step: int) -> None:
        """Note the steps done; samples and epochs follow from them."""
        if self._started is not None and step > self._now.step:
            samples = step * self._started.samples_per_step
            self.advance(step, samples, samples / max(1, self._started.frames))

    def advance(self, step: int, samples: int, epochs: float) -> None:
        """Note the steps, samples and epochs done."""
        self._now = msgspec.structs.replace(self._now, step=step, samples=samples, epochs=epochs)

    def log(self, point: Logged) -> None:
        """Write a log point to metrics.jsonl at full precision."""
        self._metrics.append(
            encode_point(step=point.step, at=point.at, samples=point.samples, epochs=point.epochs, metrics=point.values)
        )
        held_out = {k: v for k, v in self._now.metrics.items() if k == EVAL_LOSS}
        kept = self._now.metrics if EVAL_LOSS in point.values else held_out
        self._now = msgspec.structs.replace(self._now, metrics=kept | point.metrics, points=self._metrics.points)
        self.advance(point.step, point.samples, point.epochs)
        self._watch_disk()
        if EVAL_LOSS in point.values:
            return
        self._watch_loss(point)
        for change in self._curves.look(point.step, point.metrics):
            self._context.journal.emit(change)

    def saved(self, checkpoint: ev.CheckpointSaved) -> None:
        """Note how large a checkpoint is."""
        self._checkpoint_bytes = checkpoint.bytes

    def tick(self) -> None:
        """Publish and keep progress when due."""
        now = time.monotonic()
        if self._started is not None and now - self._published_at >= PUBLISH_S:
            self._published_at = now
            self._watch_disk()
            if self._machine is not None:
                self._now = msgspec.structs.replace(self._now, machine=self._machine.load())
                self._watch_space()
            self._context.server.publish(msgspec.structs.replace(self._now, at=time.time()))
        if now - self._kept_at >= KEEP_S:
            self.keep()

    def keep(self) -> None:
        """Make an event of the progress, if it has changed."""
        self._kept_at = time.monotonic()
        progress = msgspec.structs.replace(self._now, machine=None)  # a busy machine by itself is no progress
        if self._started is not None and progress != self._kept:
            self._kept = progress
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

    def _watch_space(self) -> None:
        """Raise an alarm while there is no room for the next checkpoint, of the last one's size or an estimate."""
        assert self._started is not None and self._now.machine is not None
        free, estimate = self._now.machine.disk_free, BYTES_PER_PARAMETER * self._started.parameters
        needed = int(ROOM * (self._checkpoint_bytes or estimate))
        if free is None or (free < needed) is self._space_alarm or needed <= free < 1.5 * needed:
            return
        self._space_alarm = free < needed
        text = f"{size(free)} free where the checkpoints go; the next one takes about {size(needed)}"
        answer = "free the disk: a checkpoint waits for room, and the training with it"
        alarm = ev.AlarmRaised(source=AlarmSource.SPACE, text=text, answer=answer)
        self._context.journal.emit(alarm if self._space_alarm else ev.AlarmCleared(source=AlarmSource.SPACE))

    def _watch_loss(self, point: Logged) -> None:
        """Raise one alarm when the loss or gradient is no longer finite; the training goes on until it is stopped."""
        before = bool(self._odd)
        self._odd = {k: self._odd.get(k, (point.odd[k], point.step)) for k in WATCHED if k in point.odd}
        if self._odd and not before:
            answer = "stop it and train again with a lower learning rate (--set policy.optimizer_lr=...)"
            self._context.journal.emit(ev.AlarmRaised(source=AlarmSource.LOSS, text=self.trouble, answer=answer))
        elif before and not self._odd:
            self._context.journal.emit(ev.AlarmCleared(source=AlarmSource.LOSS))

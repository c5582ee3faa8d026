"""Records a take or a trial: frames, flags, and notices of start and end to monitor and devices."""

from __future__ import annotations

from typing import Any

from services.live import events as ev
from services.live.protocol import Code
from services.workers.arm.context import ArmContext
from services.workers.process.mailbox import Refused
from services.workers.recording.takes import Takes
from sessions.models import EndedBy


class Recorder:
    """Records takes one after the other. Use on the control loop's thread; `takes` saves them on its own."""

    def __init__(self, context: ArmContext, takes: Takes) -> None:
        self._context, self.takes = context, takes

    @property
    def running(self) -> int:
        """The take being recorded; 0 between takes."""
        return self.takes.running

    def check(self) -> None:
        """Raises Refused if the dataset is out of use, and tries to reopen it."""
        if self.takes.problem:
            self.takes.try_again()
            raise Refused(f"{self.takes.problem}; trying again", Code.TROUBLE)

    @property
    def free(self) -> bool:
        """Whether the previous take is saved or lost."""
        return not self.takes.saving

    def start(self, take: int, started: ev.Event, *, accepted: bool = True) -> None:
        """Begin take number `take`; `started` is its event."""
        self._context.monitor.take = take
        self._context.lapses.begin()
        self._context.wires.begin()
        self.takes.start(take, started, accepted=accepted)
        self._flag()

    def add(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record one frame, and flag what the monitor finds wrong in it."""
        self.takes.add(observation, action)
        self._flag()

    def _flag(self) -> None:
        for flag in self._context.monitor.flags:
            self.takes.flag(flag)

    def end(self, reason: EndedBy, ended: ev.Event) -> None:
        """End the running take and have it saved; returns at once. `ended` is its event."""
        take = self.takes.running
        for flag in self._context.lapses.flags + self._context.wires.flags:
            self.takes.flag(flag)
        self.takes.end(reason, ended, retried=self._context.wires.retried)
        self._context.monitor.take = 0
        self._context.notify_devices("take_ended", take)

    def telemetry(self) -> dict[str, Any]:
        """Take time and encoder queue."""
        depth, capacity = self.takes.queue_depth()
        return {
            "take_frames": self.takes.frames,
            "take_seconds": self.takes.frames / self._context.fps,
            "saving_take": self.takes.saving,
            "start_pending": bool(self._context.waiting),
            "encoder_queue": depth,
            "encoder_capacity": capacity,
            "dropped_frames": self.takes.dropped(),
        }

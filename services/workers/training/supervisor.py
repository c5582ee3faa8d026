"""Supervises a trainer: turns its messages into events, forwards stops, reports its end. Imports no torch."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Protocol

import msgspec

from services.datasets.lock import DatasetLock
from services.folders import DataFolder
from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import Step
from services.live.requests import TrainRequest
from services.units import duration
from services.workers.process.context import Context
from services.workers.process.replies import Received
from services.workers.process.run_worker import End
from services.workers.training.commands import finish_of
from services.workers.training.messages import HURRY, STOP, DatasetRead, Ended, Logged, Message, Stepped, decode
from services.workers.training.oom import oom_kills
from services.workers.training.outcome import SIGTERM, Ending, StopRequest, stopped_by
from services.workers.training.partial_checkpoints import remove_abandoned, remove_partial
from services.workers.training.progress import Progress
from services.workers.training.stop_timeout import StopTimeout

POLL_S = 0.25
GRACE_S = 20.0
"""How long a trainer may take to exit after its last message."""

logger = logging.getLogger(__name__)


class Trainer(Protocol):
    """The trainer process, normally a subprocess.Popen."""

    def poll(self) -> int | None:
        """Its exit status (below 0: the signal that killed it), None while it lives."""

    def kill(self) -> None:
        """SIGKILL it, if it lives."""

    def wait(self) -> int:
        """Its exit status, once it has one."""


class Supervisor:
    """One training from start to end. Every method runs on the worker's main thread, except `_read`."""

    def __init__(
        self, context: Context, request: TrainRequest, lock: DatasetLock, trainer: Trainer, channel: socket.socket
    ) -> None:
        self.context, self.request, self.lock = context, request, lock
        self.trainer, self.channel = trainer, channel
        self.started: ev.TrainingStarted | None = None
        self.ended: Ended | None = None
        self.stop: StopRequest | None = None
        self.killed_after: float | None = None
        """Seconds of silence after which a second stop killed the trainer."""
        self.progress = Progress(context)
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="trainer", daemon=True)
        self._oom_before = oom_kills()
        self._leave_by = float("inf")
        self._stop_timeout = StopTimeout(context.journal)
        self._saving = False

    def run(self) -> End:
        """Supervise until the trainer is gone; returns the session's end."""
        self._reader.start()
        remove_abandoned(DataFolder(Path(self.request.data_dir)))
        mailbox = self.context.mailbox
        mailbox.open = True
        try:
            while self.trainer.poll() is None:
                mailbox.wake.wait(POLL_S)
                self._poll_once()
                if time.monotonic() > self._leave_by:
                    logger.warning("the trainer did not exit after its last message: killed")
                    self.trainer.kill()
        finally:
            mailbox.open = False
            self.trainer.kill()
        code = self.trainer.wait()
        self._reader.join(timeout=2)
        self._poll_once()
        self.progress.close()
        if self.started is not None:
            remove_partial(Path(self.started.output_dir))
        return Ending(
            request=self.request,
            started=self.started,
            step=self.progress.step,
            code=code,
            ended=self.ended,
            stop=self.stop,
            memory_short=oom_kills() > self._oom_before,
            trouble=self.progress.trouble,
            silent_s=self.killed_after,
        ).outcome()

    def _poll_once(self) -> None:
        while not self._messages.empty():  # first: a message that has arrived means that the trainer is not silent
            self._receive(self._messages.get())
        for received in self.context.mailbox.drain():
            self._handle(received)
        if self.context.mailbox.terminate:
            self.context.mailbox.terminate = False
            self._stop(SIGTERM)
        self._stop_timeout.update_alarm(self.progress.step_seconds, self._doing)
        self.progress.tick()

    # --- commands ---------------------------------------------------------------------------------

    def _handle(self, received: Received) -> None:
        finish = finish_of(received, self.context, self._phase)
        if finish is not None:
            received.accept(self._stop(stopped_by(finish.by or self.request.operator)))

    def _stop(self, stop: StopRequest) -> str:
        """Request a checkpoint and the end; before the first step, end at once. Again: kill a trainer that hangs.

        Returns what the operator who stops it again should know.
        """
        if self.ended is not None:
            return ""
        again, self.stop = self.stop is not None, self.stop or stop
        if self.started is None:
            self.trainer.kill()
            return "no step was made yet: it ends without a checkpoint"
        if not again:
            self._stop_timeout.start()
            self._announce_stop()
        elif self._stop_timeout.too_long(self.progress.step_seconds):
            return self._kill()
        try:
            self.channel.sendall(HURRY if stop is SIGTERM and not again else STOP)
        except OSError:  # it is gone already; its exit status says how
            logger.info("the trainer was gone before it could be stopped")
        return self._stop_timeout.warning(self.progress.step_seconds) if again else ""

    def _announce_stop(self) -> None:
        phase, detail = Phase.TRAINING, "stopping: a checkpoint is saved after the step in progress"
        if self._saving:
            phase, detail = Phase.SAVING, "stopping: once this checkpoint is saved"
        self.context.journal.emit(ev.PhaseChanged(phase=phase.value, detail=detail, step=Step.STOPPING))

    def _kill(self) -> str:
        """Kill the trainer. Saved checkpoints stay whole: each is renamed only once it is complete."""
        self.killed_after = self.killed_after or self._stop_timeout.seconds
        logger.warning("the trainer was silent for %.0f s after a stop was requested: killed", self.killed_after)
        self.trainer.kill()
        return f"the trainer did not react for {duration(self.killed_after)}: it is killed"

    @property
    def _phase(self) -> Phase:
        return Phase.SAVING if self._saving else Phase.TRAINING

    @property
    def _doing(self) -> str:
        return f"saving step {self.progress.step}" if self._saving else f"at step {self.progress.step}"

    # --- messages --------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read messages, on its own thread, until the trainer closes the connection."""
        with self.channel.makefile("rb") as lines:
            try:
                for line in lines:
                    self._messages.put(decode(line))
                    self.context.mailbox.wake.set()
            except (OSError, msgspec.DecodeError):  # it was killed while it wrote a line
                logger.info("the trainer's connection broke")

    def _receive(self, message: Message) -> None:
        journal = self.context.journal
        self._stop_timeout.note_message()
        match message:
            case Logged():
                self.progress.log(message)
            case Stepped():
                self.progress.advance(message.step, message.samples, message.epochs)
            case DatasetRead():
                self.lock.release()
            case Ended():
                self.ended, self._leave_by = self.ended or message, time.monotonic() + GRACE_S  # of several, the first
                self._stop_timeout.end()
                self.progress.reach(message.step)
            case ev.TrainingStarted():
                self.started = message
                self.progress.begin(message)
            case ev.CheckpointSaved():
                self.progress.reach(message.step)
                self.progress.saved(message)
                self.progress.keep()
                journal.emit(message)
            case ev.PhaseChanged():
                self._saving = message.phase == Phase.SAVING
                journal.emit(message)
            case _:
                journal.emit(message)

"""Watches a trainer: tells its facts as events, passes on the wish to stop, names its end. Loads no torch."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Protocol

import msgspec

from services.folders import DataFolder
from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.live.requests import TrainRequest
from services.live.snapshots import Phase
from services.units import duration
from services.workers.process.context import Context, remark
from services.workers.process.run_worker import End
from services.workers.process.server import Received
from services.workers.training.messages import STOP, DatasetRead, Ended, Logged, Stepped, Told, decode
from services.workers.training.oom import oom_kills
from services.workers.training.outcome import OPERATOR, SIGTERM, Ending, StopRequest
from services.workers.training.partial_checkpoints import remove_abandoned, remove_halves
from services.workers.training.progress import Progress
from services.workers.training.stop_timeout import Silence
from sessions.locks import Lock

LOOK_S = 0.25
GRACE_S = 20.0
"""How long a trainer may take to leave after its last word."""

logger = logging.getLogger(__name__)


class Trainer(Protocol):
    """The trainer process: subprocess.Popen, in earnest."""

    def poll(self) -> int | None:
        """Its exit status (below 0: the signal that killed it), None while it lives."""

    def kill(self) -> None:
        """SIGKILL it, if it lives."""

    def wait(self) -> int:
        """Its exit status, once it has one."""


class Supervisor:
    """One training's life. Every method belongs to the worker's main thread, but for the reader of the line."""

    def __init__(
        self, context: Context, request: TrainRequest, lock: Lock, trainer: Trainer, channel: socket.socket
    ) -> None:
        self.context, self.request, self.lock = context, request, lock
        self.trainer, self.channel = trainer, channel
        self.started: ev.TrainingStarted | None = None
        self.word: Ended | None = None
        self.stop: StopRequest | None = None
        self.killed_after: float | None = None
        """Seconds of silence after which a second stop killed the trainer."""
        self.progress = Progress(context)
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="trainer", daemon=True)
        self._oom_before = oom_kills()
        self._leave_by = float("inf")
        self._silence = Silence(context.journal)
        self._saving = False

    def run(self) -> End:
        """Until the trainer is gone."""
        self._reader.start()
        remove_abandoned(DataFolder(Path(self.request.data_dir)))
        mailbox = self.context.mailbox
        mailbox.open = True
        try:
            while self.trainer.poll() is None:
                mailbox.wake.wait(LOOK_S)
                self._turn()
                if time.monotonic() > self._leave_by:
                    logger.warning("the trainer did not leave after its last word: killed")
                    self.trainer.kill()
        finally:
            mailbox.open = False
            self.trainer.kill()
        code = self.trainer.wait()
        self._reader.join(timeout=2)
        self._turn()
        self.progress.close()
        if self.started is not None:
            remove_halves(Path(self.started.output_dir))
        return Ending(
            request=self.request,
            started=self.started,
            step=self.progress.step,
            code=code,
            word=self.word,
            stop=self.stop,
            memory_short=oom_kills() > self._oom_before,
            trouble=self.progress.trouble,
            silent_s=self.killed_after,
        ).outcome()

    def _turn(self) -> None:
        while not self._told.empty():  # first: whoever is judged silent must not have spoken meanwhile
            self._hear(self._told.get())
        for received in self.context.mailbox.drain():
            self._obey(received)
        if self.context.mailbox.terminate:
            self.context.mailbox.terminate = False
            self._stop(SIGTERM)
        self._silence.watch(self.progress.step_seconds, self._doing)
        self.progress.tick()

    # --- what consoles want -------------------------------------------------------------------------

    def _obey(self, received: Received) -> None:
        match received.command:
            case protocol.AddNote() | protocol.SetTag() as command:
                self.context.journal.tell(remark(command), then=received.accept)
            case protocol.Stop():
                received.accept("nothing moves here: this is a training")
            case protocol.Finish():
                received.accept(self._stop(OPERATOR))
            case other:
                means_nothing = f"{type(other).__name__} means nothing in a training"
                received.refuse(f"{means_nothing}: it can only be stopped, with a checkpoint", Code.MEANINGLESS)

    def _stop(self, stop: StopRequest) -> str:
        """A checkpoint and the end; before the first step, just the end. Again: the end of a trainer that hangs.

        Returns what whoever stops it again should know.
        """
        if self.word is not None:
            return ""
        again, self.stop = self.stop is not None, self.stop or stop
        if self.started is None:
            self.trainer.kill()
            return ""
        if not again:
            self._silence.ask()
            self._tell_stopping()
        elif self._silence.too_long(self.progress.step_seconds):
            return self._kill()
        try:
            self.channel.sendall(STOP)
        except OSError:  # it is gone already; how, its exit status tells
            logger.info("the trainer was gone before it could be stopped")
        return self._silence.so_far(self.progress.step_seconds) if again else ""

    def _tell_stopping(self) -> None:
        phase, detail = Phase.TRAINING, "stopping: a checkpoint is saved after the step in progress"
        if self._saving:
            phase, detail = Phase.SAVING, "stopping: once this checkpoint is saved"
        self.context.journal.tell(ev.PhaseChanged(phase=phase.value, detail=detail))

    def _kill(self) -> str:
        """What is saved stays: a checkpoint has its name only once it is whole."""
        self.killed_after = self.killed_after or self._silence.seconds
        logger.warning("the trainer was silent for %.0f s after it was asked to stop: killed", self.killed_after)
        self.trainer.kill()
        return f"the trainer did not react for {duration(self.killed_after)}: it is killed"

    @property
    def _doing(self) -> str:
        return f"saving step {self.progress.step}" if self._saving else f"at step {self.progress.step}"

    # --- what the trainer tells -----------------------------------------------------------------------

    def _read(self) -> None:
        """On a thread of its own, until the trainer's end of the line is closed."""
        with self.channel.makefile("rb") as lines:
            try:
                for line in lines:
                    self._told.put(decode(line))
                    self.context.mailbox.wake.set()
            except (OSError, msgspec.DecodeError):  # it was killed in mid-line
                logger.info("the trainer's line broke")

    def _hear(self, told: Told) -> None:
        journal = self.context.journal
        self._silence.heard()
        match told:
            case Logged():
                self.progress.log(told)
            case Stepped():
                self.progress.advance(told.step, told.samples, told.epochs)
            case DatasetRead():
                self.lock.release()
            case Ended():
                self.word, self._leave_by = told, time.monotonic() + GRACE_S
                self._silence.end()
                self.progress.reach(told.step)
            case ev.TrainingStarted():
                self.started = told
                self.progress.begin(told)
            case ev.CheckpointSaved():
                self.progress.reach(told.step)
                self.progress.keep()
                journal.tell(told)
            case ev.PhaseChanged():
                self._saving = told.phase == Phase.SAVING
                journal.tell(told)
            case _:
                journal.tell(told)

"""How a training ended, as a status and a sentence. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from services.checkpoints.checkpoint import complete
from services.live import events as ev
from services.live.requests import TrainRequest
from services.units import duration
from services.workers.training.errors import advice
from services.workers.training.messages import Ended, Outcome
from sessions.models import SessionStatus


@dataclass(frozen=True)
class StopRequest:
    """Who requested the end, and the session's status then."""

    by: str
    status: SessionStatus


SIGTERM = StopRequest("SIGTERM", SessionStatus.ABORTED)


def stopped_by(person: str) -> StopRequest:
    """The request of a person, perhaps without a name."""
    return StopRequest(person or "the operator", SessionStatus.FINISHED)


@dataclass(frozen=True)
class Ending:
    """What is known once the trainer is gone: its last message `ended`, its `step`, its exit `code` (-N: signal N).

    `memory_short` means that the kernel killed a process for memory meanwhile; `trouble` says what was wrong with the
    loss; `silent_s` is how long it had not reacted to `stop` when it was killed for that.
    """

    request: TrainRequest
    started: ev.TrainingStarted | None
    step: int
    code: int
    ended: Ended | None = None
    stop: StopRequest | None = None
    memory_short: bool = False
    trouble: str = ""
    silent_s: float | None = None

    def outcome(self) -> tuple[SessionStatus, str]:
        """The session's status and the reason of its end."""
        status, text = self._reported() if self.ended is not None else self._unreported()
        return status, f"{text}; {self.trouble}" if self.trouble else text

    def _reported(self) -> tuple[SessionStatus, str]:
        assert self.ended is not None
        match self.ended.outcome:
            case Outcome.FINISHED:
                if self.started is None:
                    return SessionStatus.FINISHED, self.ended.text
                text = f"; {self.ended.text}" if self.ended.text else ""
                return SessionStatus.FINISHED, f"trained all {self.ended.step} steps{text}"
            case Outcome.STOPPED:
                stop = self.stop or SIGTERM
                return stop.status, f"stopped by {stop.by} at step {self._step_of_total()}, checkpoint saved"
            case Outcome.GAVE_UP:
                return SessionStatus.ABORTED, f"{self.ended.text}; {self._progress()}: {self._room_for_more()}"
            case Outcome.REFUSED:
                return SessionStatus.ABORTED, self.ended.text
            case Outcome.FAILED:
                loader = self.memory_short and self.ended.loader_killed
                text = self._out_of_memory("a loader process") if loader else self.ended.text
                return SessionStatus.CRASHED, f"{text}; {self._progress()}"

    def _unreported(self) -> tuple[SessionStatus, str]:
        if self.stop is not None and self.started is None:
            goes_on = "; the job on HF Jobs goes on: `hf jobs ps` lists it, `hf jobs cancel` ends it"
            there = goes_on if self.request.on is not None and not self.request.on.followed else ""
            return SessionStatus.ABORTED, f"stopped by {self.stop.by} before the first step{there}"
        if self.stop is not None and self.silent_s is not None:
            silent = f"the trainer did not react for {duration(self.silent_s)} and was killed"
            return SessionStatus.ABORTED, f"stopped by {self.stop.by}, but {silent}; {self._progress()}"
        return SessionStatus.CRASHED, f"{self._death()}; {self._progress()}"

    def _death(self) -> str:
        if self.code == -signal.SIGKILL and self.memory_short:
            return self._out_of_memory("the trainer")
        if self.code < 0:
            return f"the trainer was killed by {_signal(-self.code)}"
        return f"the trainer exited with status {self.code} and gave no reason"

    def _out_of_memory(self, who: str) -> str:
        return f"out of memory: the kernel killed {who}; {advice(self.request)}"

    def _progress(self) -> str:
        """The step that it reached, and its newest checkpoint."""
        if self.started is None:
            return "no step was made"
        saved = complete(Path(self.started.output_dir))
        newest = f"the newest whole checkpoint is {saved[-1].name}" if saved else "no checkpoint was saved"
        return f"it was at step {self._step_of_total()}, {newest}"

    def _room_for_more(self) -> str:
        """What to do before it can go on."""
        output = Path(self.started.output_dir) if self.started else None
        room = f"free room for checkpoints in {output}" if output else "free the disk"
        return f"{room}, then resume it" if output and complete(output) else f"{room}, then train again"

    def _step_of_total(self) -> str:
        total = self.started.steps if self.started else self.request.steps
        return f"{self.step:,} of {total:,}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

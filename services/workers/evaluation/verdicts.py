"""What is said of trials: verdicts, who gave them, help, stages, failure modes. It moves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.live.requests import CONSOLE
from services.workers.evaluation.trials import Trials
from services.workers.process.mailbox import Refused
from sessions.models import Verdict

LONGEST_MODE = 1000
"""Characters, of one from lab.toml too."""
Done = Callable[[], None]
"""Called once an event is on disk."""


class Marks(Protocol):
    """Where a verdict goes besides the journal: the marks of the trial's episode."""

    def judge(self, take: int, verdict: Verdict | None) -> None:
        """Give the episode of this trial a verdict, or none."""


class Verdicts:
    """Tells the journal and the marks; `trials` knows what may be said. Use on the control loop's thread."""

    def __init__(
        self, trials: Trials, marks: Marks, emit: Callable[[ev.Event, Done | None], None], stages: tuple[str, ...]
    ) -> None:
        """`stages` are the task's."""
        self._trials, self._marks, self._emit, self.stages = trials, marks, emit, stages

    def give(self, trial: int, verdict: Verdict, judge: str, done: Done | None = None) -> None:
        """The verdict on a trial that has ended."""
        self._trials.verdicts[trial] = verdict
        self._emit(ev.TrialJudged(trial=trial, verdict=verdict, judge=judge), done)
        self._marks.judge(trial, verdict)

    def void(self, trial: int) -> None:
        """The bench failed, which says nothing of the policy. A person may take the verdict back."""
        self.give(trial, Verdict.VOID, CONSOLE)

    def take_back(self, trial: int, done: Done) -> None:
        """The trial waits for its verdict again."""
        del self._trials.verdicts[trial]
        self._emit(ev.VerdictUndone(trial=trial), done)
        self._marks.judge(trial, None)

    def success(self, trial: int) -> Verdict:
        """What an oracle's success is worth: a trial in which a person helped has failed."""
        return Verdict.FAILURE if trial in self._trials.assisted else Verdict.SUCCESS

    def note(self, command: protocol.Command, done: Done) -> bool:
        """What a person says besides the verdict: help, a stage, how it failed; False for another command.

        Raises Refused.
        """
        match command:
            case protocol.AssistTrial(trial=trial, assisted=assisted):
                (self._trials.assisted.add if assisted else self._trials.assisted.discard)(trial)
                self._emit(ev.TrialAssisted(trial=trial, assisted=assisted), done)
            case protocol.ReachStage(trial=trial, stages=count):
                self._emit(ev.StageReached(trial=trial, stages=self._reached(count)), done)
            case protocol.AnnotateTrial(trial=trial, failure_mode=mode):
                if len(mode) > LONGEST_MODE:
                    raise Refused(f"a failure mode has at most {LONGEST_MODE} characters", Code.TOO_LONG)
                self._emit(ev.TrialAnnotated(trial=trial, failure_mode=mode), done)
            case _:
                return False
        return True

    def _reached(self, count: int) -> tuple[str, ...]:
        if not 0 <= count <= len(self.stages):
            raise Refused(f"the task has {len(self.stages)} stages, not {count}", Code.NO_STAGES)
        return self.stages[:count]

"""The trials of one session, their verdicts, and which command is allowed next. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.live import protocol
from services.live.protocol import Code
from services.workers.process.mailbox import Refused
from sessions.models import Verdict


@dataclass
class Trials:
    """`started` counts attempts from 1; the last is `running`, waits for its verdict (`pending`), or has one."""

    target: int
    started: int = 0
    running: int = 0
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    practices: set[int] = field(default_factory=set)
    """Those that do not count."""
    assisted: set[int] = field(default_factory=set)
    """Those in which a person helped: they are no success."""

    @property
    def next(self) -> int:
        """The next trial's number."""
        return self.started + 1

    @property
    def pending(self) -> int:
        """The ended trial that has no verdict yet, else 0."""
        return self.started if self.started and not self.running and self.started not in self.verdicts else 0

    @property
    def judged(self) -> int:
        """Trials with a verdict other than void that are no practice; void ones are repeated."""
        return sum(v is not Verdict.VOID for n, v in self.verdicts.items() if n not in self.practices)

    @property
    def reached(self) -> bool:
        """Whether `target` trials are judged; never if the target is 0."""
        return 0 < self.target <= self.judged

    def begin(self, *, practice: bool = False) -> int:
        """Start the next trial; returns its number."""
        self.started = self.running = self.next
        if practice:
            self.practices.add(self.started)
        return self.started

    # --- checks, each of which raises Refused -----------------------------------------------------

    def check_start(self, trial: int) -> None:
        """Trial numbers are consecutive, and the last trial must have its verdict."""
        if self.pending:
            raise Refused(f"trial {self.pending} waits for its verdict", Code.PENDING_VERDICT)
        if self.running:
            raise Refused(f"trial {self.running} is running", Code.WRONG_PHASE)
        if trial != self.next:
            raise Refused(f"trial {self.next} comes next, not {trial}", Code.WRONG_NUMBER)

    def check_running(self, trial: int) -> None:
        """It must be running."""
        if not trial or self.running != trial:
            raise Refused(f"trial {trial} is not running", Code.WRONG_NUMBER)

    def check_judge(self, trial: int) -> None:
        """It must be running, or ended without a verdict."""
        if trial in self.verdicts:
            words = f"trial {trial} has its verdict, {self.verdicts[trial].value}: take it back first"
            raise Refused(words, Code.NO_TRIAL)
        if trial not in (self.running, self.pending) or not trial:
            raise Refused(f"there is no trial {trial} to judge", Code.NO_TRIAL)

    def check_success(self, trial: int) -> None:
        """Nobody must have helped."""
        if trial in self.assisted:
            words = f"trial {trial} was assisted: it is no success; judge it a failure or void"
            raise Refused(words, Code.ASSISTED)

    def check_undo(self, trial: int) -> None:
        """It must be the last one and have a verdict."""
        if trial != self.started or not trial:
            raise Refused(f"trial {trial} is not the last one: its verdict stays", Code.NO_VERDICT)
        if trial not in self.verdicts:
            raise Refused(f"trial {trial} has no verdict to take back", Code.NO_VERDICT)

    def check_annotate(self, trial: int) -> None:
        """It must be judged a failure."""
        if self.verdicts.get(trial) is not Verdict.FAILURE:
            words = f"trial {trial} is not judged a failure: how it failed belongs to those"
            raise Refused(words, Code.NO_FAILURE)

    def check(self, command: protocol.Command) -> None:
        """Check the trial number of any command that has one."""
        match command:
            case protocol.StartTrial(trial=trial):
                self.check_start(trial)
            case protocol.EndTrial(trial=trial):
                self.check_running(trial)
            case protocol.JudgeTrial(trial=trial, verdict=verdict):
                self.check_judge(trial)
                if verdict is Verdict.SUCCESS:
                    self.check_success(trial)
            case protocol.AssistTrial(trial=trial) | protocol.ReachStage(trial=trial):
                self.check_judge(trial)
            case protocol.UndoVerdict(trial=trial):
                self.check_undo(trial)
            case protocol.AnnotateTrial(trial=trial):
                self.check_annotate(trial)

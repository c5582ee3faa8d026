"""Commands to a session with an arm: refused by the table of phases, obeyed here or by the strategy."""

from __future__ import annotations

import logging
from collections.abc import Callable

from services.live import protocol
from services.live.phases import Phase, refusal
from services.live.protocol import Code
from services.workers.arm.arm import Mode
from services.workers.arm.context import ArmContext
from services.workers.arm.strategy import Strategy
from services.workers.process.context import remark
from services.workers.process.mailbox import Refused
from services.workers.process.server import Received
from sessions.models import SessionStatus

HINTS = {Phase.RECORDING: "end the take first", Phase.RUNNING: "end the trial first"}
"""What makes the arm free to move by itself, for people."""

logger = logging.getLogger(__name__)


class ArmCommands:
    """Belongs to the control loop's thread."""

    def __init__(self, context: ArmContext, strategy: Strategy) -> None:
        self._context, self._strategy = context, strategy

    def obey(self, received: Received) -> None:
        """Do what a command says, or answer why not."""
        try:
            if self.dispatch(received.command, received.accept):
                received.accept()
        except Refused as refused:
            received.refuse(str(refused), refused.code)
        except Exception as error:  # a fault in one command must not end a session with an arm
            logger.exception("%r", received.command)
            received.refuse(f"{type(received.command).__name__} failed: {error}", Code.FAILED)

    def dispatch(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """False where `done` answers, once the fact is on disk. Raises Refused."""
        if isinstance(command, protocol.Stop):  # before anything else is looked at
            self._stop(command)
            return True
        self._check(command)
        match command:
            case protocol.Follow():
                self._follow()
            case protocol.GoToRest():
                self._context.haste.check_after_stop()
                detail = "the gripper opens, the arm lifts and goes to rest"
                self._context.rest(detail, self._context.arm.measure())
            case protocol.Release():
                self._context.haste.check_after_stop()
                self._context.release()
            case protocol.Finish():
                self._context.haste.check_after_stop()
                self._context.finish(SessionStatus.FINISHED, "finished by the operator")
            case protocol.AddNote() | protocol.SetTag():
                self._context.tell(remark(command), then=done)
                return False
            case _:
                answered = self._strategy.command(command, done)
                self._context.haste.key()
                return answered
        return True

    def _stop(self, stop: protocol.Stop) -> None:
        """A person's stop: it ends an end, too. Raises Refused where the hold did not reach the arm."""
        self._context.haste.stopped()
        self._context.ending = None
        self._context.stop(stop.cause, stop.why)
        self._context.end_no_more()
        if self._context.arm.unheld and self._context.arm.mode is Mode.HOLD:
            words = "the follower does not answer, the hold did not reach it: CUT THE POWER if it moves"
            raise Refused(words, Code.TROUBLE)

    def _follow(self) -> None:
        if self._context.guard.trouble:
            raise Refused(self._context.guard.trouble, Code.TROUBLE)
        self._context.haste.check_after_stop()
        self._context.align()

    def _check(self, command: protocol.Command) -> None:
        """Raises Refused where the table of phases says so."""
        if isinstance(command, protocol.Release) and not command.confirmed:
            raise Refused("releasing cuts torque: it has to be confirmed", Code.UNCONFIRMED)
        stands = {**self._context.obstacles(), **self._strategy.reasons(command)}
        code = refusal(self._strategy.kind, type(command), self._context.phase, stands)
        if code is not Code.OK:
            raise Refused(stands.get(code) or self._words(command, code), code)

    def _words(self, command: protocol.Command, code: Code) -> str:
        phase = self._context.phase
        if code is Code.MEANINGLESS:
            return f"{type(command).__name__} means nothing in this session"
        if isinstance(command, protocol.Follow):
            return f"the arm is {phase.value}: following starts when it holds"
        return f"the arm is {phase.value}: {HINTS.get(phase, 'it is not possible now')}"

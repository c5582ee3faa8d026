"""Commands to a session with an arm: checked against the phase table, handled here or by the strategy."""

from __future__ import annotations

import logging

from services.error_text import message
from services.live import protocol
from services.live.phases import Phase, refusal
from services.live.protocol import Code
from services.workers.arm.arm import Mode
from services.workers.arm.context import ArmContext
from services.workers.arm.motors import TorqueProblem
from services.workers.arm.strategy import Strategy
from services.workers.process.context import remark
from services.workers.process.mailbox import Refused
from services.workers.process.replies import Received, Reply
from sessions.models import SessionStatus

HINTS = {Phase.RECORDING: "end the take first", Phase.RUNNING: "end the trial first"}
"""What the operator has to do first, by phase."""

logger = logging.getLogger(__name__)


class ArmCommands:
    """Use on the control loop's thread."""

    def __init__(self, context: ArmContext, strategy: Strategy) -> None:
        self._context, self._strategy = context, strategy

    def handle(self, received: Received) -> None:
        """Carry out a command and answer it."""
        try:
            if self.dispatch(received.command, received):
                received.accept()
        except Refused as refused:
            received.refuse(str(refused), refused.code)
        except TorqueProblem as problem:  # told already
            received.refuse(str(problem), Code.TROUBLE)
        except Exception as error:  # a fault in one command must not end a session with an arm
            logger.exception("%r", received.command)
            received.refuse(f"{type(received.command).__name__} failed: {error}", Code.FAILED)

    def dispatch(self, command: protocol.Command, reply: Reply) -> bool:
        """Carry out a command. False if `reply` is given later, once the event is on disk. Raises Refused."""
        if isinstance(command, protocol.Stop):  # never refused by a check
            self._stop(command)
            return True
        self._check(command)
        match command:
            case protocol.Follow():
                self._follow()
            case protocol.GoToRest():
                self._context.debounce.check_after_stop()
                detail = "the gripper opens, the arm lifts and goes to rest"
                self._context.rest(detail, self._context.arm.measure())
            case protocol.Release():
                self._context.debounce.check_after_stop()
                self._context.release()
                if self._context.arm.mode is Mode.LOST:
                    raise Refused(self._context.detail, Code.TROUBLE)
            case protocol.Finish(by=by):
                self._context.debounce.check_after_stop()
                self._context.finish(SessionStatus.FINISHED, f"finished by {by or 'the operator'}")
            case protocol.AddNote() | protocol.SetTag():
                self._context.emit(remark(command), then=reply.accept)
                return False
            case _:
                answered = self._strategy.command(command, reply)
                self._context.debounce.note_key()
                return answered
        return True

    def _stop(self, stop: protocol.Stop) -> None:
        """Stop, cancelling an end in progress. Raises Refused if the hold did not reach the arm."""
        self._context.debounce.note_stop()
        self._context.ending = None
        if self._context.arm.mode is Mode.LOST:
            self._hold_again(stop)
        else:
            self._context.stop(stop.cause, stop.why)
        self._context.cancel_end()
        if self._context.arm.unheld and self._context.arm.mode is Mode.HOLD:
            words = "the follower does not answer, the hold did not reach it: CUT THE POWER if it moves"
            raise Refused(words, Code.TROUBLE)

    def _hold_again(self, stop: protocol.Stop) -> None:
        try:
            self._context.hold_again(stop.cause, stop.why)
        except Exception as error:  # drivers may raise anything
            words = f"{message(error)}; the arm is not held: support it, or CUT THE POWER if it moves"
            raise Refused(words, Code.TROUBLE) from error

    def _follow(self) -> None:
        if self._context.guard.trouble:
            raise Refused(self._context.guard.trouble, Code.TROUBLE)
        self._context.debounce.check_after_stop()
        self._context.align()

    def _check(self, command: protocol.Command) -> None:
        """Raises Refused if the phase table does not allow the command now."""
        if isinstance(command, protocol.Release) and not command.confirmed:
            raise Refused("releasing cuts torque: it has to be confirmed", Code.UNCONFIRMED)
        reasons = {**self._context.obstacles(), **self._strategy.reasons(command)}
        code = refusal(self._strategy.kind, type(command), self._context.phase, reasons)
        if code is not Code.OK:
            raise Refused(reasons.get(code) or self._refusal_text(command, code), code)

    def _refusal_text(self, command: protocol.Command, code: Code) -> str:
        phase = self._context.phase
        if code is Code.MEANINGLESS:
            return f"{type(command).__name__} means nothing in this session"
        if isinstance(command, protocol.Follow):
            return f"the arm is {phase.value}: following starts when it holds"
        return f"the arm is {phase.value}: {HINTS.get(phase, 'it is not possible now')}"

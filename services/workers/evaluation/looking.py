"""The preflight in a session: begins by itself before the first trial, keeps trials waiting, and may forbid them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.live import events as ev
from services.live import protocol
from services.live.phases import STILL, Phase
from services.live.preflight_table import in_brief
from services.live.protocol import Code
from services.live.requests import ORACLE, EvalRequest
from services.workers.arm.context import ArmContext
from services.workers.preflight.preflight import NOTHING_BAD, Preflight
from sessions.models import SessionStatus

WAITING = STILL | {Phase.DONE, Phase.RELEASED}
"""Phases whose detail may say what the preflight found."""


class Looking:
    """Use on the control loop's thread."""

    def __init__(
        self,
        request: EvalRequest,
        context: ArmContext,
        preflight: Preflight,
        settle: Callable[[Phase], tuple[Phase, str]],
    ) -> None:
        """`settle` says what comes next while the arm is still."""
        self._request, self._context, self._preflight, self._settle = request, context, preflight, settle

    def look_at_once(self) -> None:
        """In lockstep, where time stands still until something is to be done, all of it before the session is open."""
        if self._context.lockstep:
            observation, pose = self._context.readings.observe()
            self._tell_of(self._preflight.run(observation, pose or {}))

    def step(self, observation: Mapping[str, Any] | None) -> None:
        """One control period."""
        if not self._preflight.running:
            return
        made = self._preflight.step(observation, self._context.pose)
        if made is not None:
            self._tell_of(made)

    def delays(self) -> bool:
        """Whether the next trial waits for a preflight that runs."""
        if not self._preflight.running or self._context.lockstep:
            return False
        if self._context.phase in WAITING:
            self._context.enter(self._context.phase, "the next trial starts once the preflight is through")
        return True

    def reasons(self, command: protocol.Command) -> Mapping[Code, str]:
        """Why the preflight refuses the command, if it does."""
        words = self._preflight.words
        if isinstance(command, protocol.ConfirmPreflight):
            return {} if words else {Code.NO_PREFLIGHT: NOTHING_BAD}
        return {Code.PREFLIGHT: words} if words else {}

    def command(self, command: protocol.Command, done: Callable[[], None]) -> bool:
        """Look again, or let trials begin all the same; False for another command. Raises Refused."""
        match command:
            case protocol.MakePreflight():
                self._preflight.due = not self._context.lockstep
                self.look_at_once()
                done()
            case protocol.ConfirmPreflight(preflight=number, by=by):
                self._context.emit(self._preflight.confirm(number, by or self._request.operator), done)
                self._say("the preflight is confirmed")
            case _:
                return False
        return True

    def _tell_of(self, made: ev.PreflightMade) -> None:
        self._context.emit(made)
        found = self._preflight.bad
        if found and self._request.confirm_preflight:
            self._context.emit(self._preflight.confirm(made.preflight, self._request.operator))
        elif found:
            self._context.waiting = 0
            if self._request.judge == ORACLE:
                self._context.finish(SessionStatus.ABORTED, self._preflight.words)
                return
        if self._context.phase is Phase.STARTING:
            return
        self._say(f"preflight: {in_brief(made.checks)}")

    def _say(self, words: str) -> None:
        """In the detail of a phase in which the arm is still, before what comes next."""
        phase = self._context.phase
        if phase in WAITING and not self._context.waiting:
            self._context.enter(phase, f"{words}; {self._settle(phase)[1]}")

"""A session that a shell verb drives from its start to its end: what record and eval have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console.commands.exits import START_PATIENCE_S
from console.commands.following import following
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from services import arm_commands
from services.folders import RunFolder
from services.live.client import Client
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from sessions.models import SessionStatus

END_PATIENCE_S = 120.0
Work = Callable[[Client, Interrupts], Awaitable[str]]
"""Drives the session; returns what went wrong, or nothing."""


@dataclass(frozen=True)
class Driven:
    """How it went: the last state, and what went wrong before that, or nothing."""

    state: Snapshot
    failure: str = ""

    @property
    def well(self) -> bool:
        """Whether all that was asked for is there, and the session ended in order."""
        return not self.failure and self.state.status is SessionStatus.FINISHED and self.state.reached

    @property
    def why(self) -> str:
        """What to say where it did not go well: the worker's own end, else what went wrong here."""
        by_itself = self.state.status in (SessionStatus.ABORTED, SessionStatus.CRASHED)
        return self.state.end_reason if by_itself or not self.failure else self.failure


async def drive(run: RunFolder, work: Work, *, name: str, ending: str, patience_s: float = START_PATIENCE_S) -> Driven:
    """Attach, let `work` do its part, then end the session in order.

    An arm that was stopped goes on holding: only a person moves it again. Raises LinkLost, or TimeoutError where the
    worker takes longer than `patience_s` to start.
    """
    printer = Printer()
    async with following(run, printer, name=name) as client:
        interrupts = Interrupts(client, ending=ending, say=printer.say)
        try:
            await client.attach(START_PATIENCE_S)
            await client.until(lambda s: s.phase is not Phase.STARTING, patience_s)
            return await _drive(client, work, interrupts)
        finally:
            interrupts.close()


async def _drive(client: Client, work: Work, interrupts: Interrupts) -> Driven:
    failure = await work(client, interrupts)
    if client.snapshot.running and not interrupts.asked:
        if client.snapshot.phase is Phase.HELD:
            return Driven(client.snapshot, failure)
        answer = await arm_commands.finish(client)
        if not answer.ok and not client.may_command:  # another console drives now; else it ends already
            return Driven(client.snapshot, failure or answer.error)
    return Driven(await client.until(lambda s: not s.running, END_PATIENCE_S), failure)


def goes_on(run: RunFolder, driven: Driven) -> str:
    """What a person can do with a session that still runs; empty where it has ended."""
    if not driven.state.running:
        return ""
    return f"session {run.id} goes on: `lab-console attach {run.id}`, `lab-console rest` or `lab-console release`"

"""Drives a session from start to end for a shell verb: shared by record and eval."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from console.commands.exits import READY_PATIENCE_S
from console.commands.following import following
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from services import arm_commands
from services.folders import RunFolder
from services.live.client import START_PATIENCE_S, Client
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.snapshots import Snapshot
from sessions.models import SessionStatus

END_PATIENCE_S = 120.0
FULL_PATIENCE_S = 15.0
"""How long a full disk may keep the events before the session is ended: nobody may be there to free it."""
FULL = "the disk is full, and the session's events cannot be written"
Work = Callable[[Client, Interrupts], Awaitable[str]]
"""Drives the session; returns an error message, or an empty string."""


@dataclass(frozen=True)
class Driven:
    """The result of a drive: the last state, and an error message or an empty string."""

    state: Snapshot
    failure: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the session reached its target and ended in order."""
        return not self.failure and self.state.status is SessionStatus.FINISHED and self.state.reached

    @property
    def reason(self) -> str:
        """Why it did not succeed: the worker's own end reason, else the error of this side."""
        by_itself = self.state.status in (SessionStatus.ABORTED, SessionStatus.CRASHED)
        return self.state.end_reason if by_itself or not self.failure else self.failure


async def drive(run: RunFolder, work: Work, *, name: str, ending: str, patience_s: float = READY_PATIENCE_S) -> Driven:
    """Attach, run `work`, then end the session in order.

    An arm that was stopped keeps holding: only a person moves it again. Raises LinkLost, or TimeoutError if the
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
    failure = await _unless_disk_is_full(client, work, interrupts)
    if client.snapshot.running and not interrupts.asked:
        if client.snapshot.phase is Phase.HELD:
            return Driven(client.snapshot, failure)
        answer = await arm_commands.finish(client)
        if not answer.ok and not client.may_command:  # another console drives now; otherwise it is ending already
            return Driven(client.snapshot, failure or answer.error)
    return Driven(await client.until(lambda s: not s.running, END_PATIENCE_S), failure)


async def _unless_disk_is_full(client: Client, work: Work, interrupts: Interrupts) -> str:
    """Run `work`; if the disk stays full meanwhile, have the worker end. Returns an error message, or nothing."""
    working = asyncio.ensure_future(work(client, interrupts))
    watching = asyncio.ensure_future(_until_disk_stays_full(client))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done() or watching.exception() is not None:
            return await working
        interrupts.end(f"{FULL}: ending; what was acknowledged is kept")
        return FULL
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _until_disk_stays_full(client: Client) -> None:
    """Return once events could not be written for FULL_PATIENCE_S. Raises LinkLost."""
    while True:
        await client.until(_is_full)
        try:
            await client.until(lambda s: not _is_full(s), FULL_PATIENCE_S)
        except TimeoutError:
            return


def _is_full(state: Snapshot) -> bool:
    return any(alarm.source is AlarmSource.DISK for alarm in state.alarms)


def still_running_hint(run: RunFolder, driven: Driven) -> str:
    """The commands for a session that still runs; empty if it has ended."""
    if not driven.state.running:
        return ""
    return f"session {run.id} goes on: `lab-console attach {run.id}`, `lab-console rest` or `lab-console release`"

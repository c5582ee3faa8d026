"""The client with which a verb follows a session and prints what is new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.commands.printer import Printer
from services.folders import RunFolder
from services.live.client import Client

WAITING_S = 5.0
"""How long a verb may be silent before its worker has said anything."""


@asynccontextmanager
async def following(run: RunFolder, printer: Printer, *, name: str, drive: bool = True) -> AsyncIterator[Client]:
    """A client that is not attached yet; on exit it is detached and the printer closed."""
    client = Client(
        run, name=name, drive=drive, on_event=lambda _, state: printer.show(state),
        on_reattached=lambda why: printer.say(f"{why}; attached again"),
    )  # fmt: skip
    waiting = asyncio.create_task(_say_what_is_waited_for(client, printer))
    try:
        yield client
    finally:
        waiting.cancel()
        printer.close()
        await client.close()


async def _say_what_is_waited_for(client: Client, printer: Printer) -> None:
    """Until the worker has told something, say every few seconds that it is waited for."""
    pause = WAITING_S
    while client.snapshot.started is None:
        await asyncio.sleep(pause)
        pause = 4 * WAITING_S
        if client.snapshot.started is None:
            printer.say(f"waiting for the worker of session {client.run.id} to start (its log: {client.run.log})")

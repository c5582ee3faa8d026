"""The client with which a verb follows a session and prints what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.commands.printer import Printer
from services.folders import RunFolder
from services.live.client import Client


@asynccontextmanager
async def following(run: RunFolder, printer: Printer, *, name: str, drive: bool = True) -> AsyncIterator[Client]:
    """A client that is not attached yet; on exit it is detached and the printer closed."""
    client = Client(
        run, name=name, drive=drive, on_event=lambda _, state: printer.show(state),
        on_reattached=lambda why: printer.say(f"{why}; attached again"),
    )  # fmt: skip
    try:
        yield client
    finally:
        printer.close()
        await client.close()

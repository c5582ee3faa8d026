"""When a console in a test has nothing more to do, seen from its queues.

Textual's own pilot waits until the process takes less than 1 ms of CPU time in 20 ms, or for a second: beside
telemetry, or a thread that works, that is long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import textual.app
import textual.pilot
from textual._context import active_app
from textual.app import App
from textual.message_pump import MessagePump

LOOK_S = 0.004
"""Between two looks: sockets and short timers get their turn."""
_open: set[App] = set()


@asynccontextmanager
async def watched(app: App) -> AsyncIterator[None]:
    """Have `pilot.press` and `pilot.pause` look at this app's queues, though another one may have been opened since."""
    _open.add(app)
    try:
        yield
    finally:
        _open.discard(app)


def _at_work(pump: MessagePump) -> bool:
    """Whether messages wait, or one is being handled: then the pump does not wait for the next one."""
    task, queue = pump._task, pump._message_queue
    return task is not None and not task.done() and (not queue.empty() or not queue.ready_event._waiters)


def _busy(app: App) -> bool:
    """Whether a pump of it works, or calls wait for the next painting."""
    if not app._running or app._closing:
        return False
    return bool(app.screen._callbacks) or any(map(_at_work, (app, *app._registry)))


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return once two looks, one after the other, find every console at rest; or after `max_sleep` s."""
    began, quiet, apps = time.monotonic(), 0, _open | {active_app.get()}
    while quiet < 2 and time.monotonic() - began < max_sleep:
        await asyncio.sleep(LOOK_S)
        quiet = 0 if any(map(_busy, apps)) else quiet + 1
    await asyncio.sleep(max(0.0, min_sleep - (time.monotonic() - began)))


textual.app.wait_for_idle = textual.pilot.wait_for_idle = wait_for_idle

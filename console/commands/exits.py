"""How a shell verb ends, and what it prints to standard error after a failure."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from console.commands import calibration
from console.exit import FAILED, complain
from services.folders import DataFolder, RunFolder
from services.live.event_log import read_events
from services.live.launch import log_tail
from services.live.snapshots import Snapshot, replay
from services.text import clean

READY_PATIENCE_S = 90.0
"""How long a worker may take until the arm holds: LeRobot loads in 6 to 10 s, from a cold disk in a minute."""


def show_log(run: RunFolder) -> None:
    """Print the last lines of the worker's log, and where the whole log is."""
    for line in log_tail(run):
        print(f"  {clean(line)}", file=sys.stderr)
    complain(f"the whole log is {run.log}")


def complain_of(state: Snapshot) -> None:
    """Print why a session ended, and which option mends a calibration that kept it from starting."""
    complain(state.end_reason)
    for hint in calibration.hints(state):
        complain(hint)


def report_lost(run: RunFolder, error: Exception) -> int:
    """Report what is known of a worker that is gone or does not answer; returns the exit status."""
    state = Snapshot()
    with suppress(OSError):
        state = replay(read_events(run.events))
    reason = "" if state.running else state.end_reason
    complain(f"session {run.id}: {reason or str(error) or 'it took too long'}")
    for hint in calibration.hints(state):
        complain(hint)
    show_log(run)
    complain("what was acknowledged is saved; a dataset is repaired at the next start")
    return FAILED


def run_to_end(work: Coroutine[Any, Any, int]) -> int:
    """Run a verb in a new event loop; a second Ctrl-C cancels it, which detaches."""
    return asyncio.run(_or_detached(work))


async def _or_detached(work: Coroutine[Any, Any, int]) -> int:
    """A verb that is cancelled leaves at once: asyncio would first wait for its threads, which may wait for a disk."""
    try:
        return await work
    except asyncio.CancelledError:
        print("detached; the session goes on: `lab-console attach`", flush=True)
        os._exit(FAILED)


async def fold(folder: DataFolder) -> None:
    """Bring the log up to date, so that `sessions` right after this verb shows its result."""
    from services.log import scribe

    await asyncio.to_thread(scribe.fold, folder)

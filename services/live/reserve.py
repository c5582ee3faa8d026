"""Room on the disk that a worker keeps for its last events: a full disk takes no more, and how it ended must be said.

A file in the run's folder, freed once the session is to end and the disk refuses an event. One that a killed worker
left is freed by whoever writes its end.
"""

from __future__ import annotations

import os
from contextlib import suppress

from services.folders import RunFolder

SIZE = 64 * 1024
"""Bytes: the events of an end are a few hundred each, and other writers may take some of the room first."""


def keep(run: RunFolder) -> None:
    """Take the room; without any to spare there is no reserve."""
    with suppress(OSError):
        descriptor = os.open(run.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        except OSError:
            run.reserve.unlink()
            raise
        finally:
            os.close(descriptor)


def free(run: RunFolder) -> bool:
    """Give the room back; whether there was any."""
    try:
        run.reserve.unlink()
    except OSError:
        return False
    return True

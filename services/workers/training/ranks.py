"""Several processes that train together, as accelerate counts them: the first reports, saves, and says when all stop.

The processes wait for each other in every step. So when the first one says at the end of a step, before it begins the
next, that all stop after that next one, each has read it by then.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from services.folders import RunFolder
from services.workers.training.channel import Channel
from services.workers.training.messages import Ended, Message, Outcome, encode

RANK, COUNT = "RANK", "WORLD_SIZE"
"""What torch's launcher sets in each process."""


class Ranks:
    """Where this process stands among those of its training; alone, it is the first of one."""

    def __init__(self, run: RunFolder) -> None:
        self.rank, self.count = int(os.environ.get(RANK, "0")), int(os.environ.get(COUNT, "1"))
        self._file = stop_file(run)
        self._last: int | None = None

    @property
    def first(self) -> bool:
        """Whether this one reports and saves."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.count > 1

    def stop_after(self, step: int, *, requested: bool) -> bool:
        """Whether all stop after this step, which is done. Alone, a request counts at once."""
        if not self.several:
            return requested
        if self._last is None and self.first and requested:
            self._last = step + 1
            self._file.write_text(str(self._last), "ascii")
        elif self._last is None and not self.first:
            self._last = self._read()
        return self.stopped(step)

    def stopped(self, step: int) -> bool:
        """Whether no further step is made after this one."""
        return self.several and self._last is not None and step >= self._last

    def _read(self) -> int | None:
        with suppress(OSError, ValueError):
            return int(self._file.read_text("ascii"))
        return None


def stop_file(run: RunFolder) -> Path:
    """Where the first process writes after which step all stop."""
    return run.root / ".stop-after"


class Quiet(Channel):
    """The channel of a process that is not the first: it only says why it failed, and is asked nothing."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.hurried_at = None

    def send(self, message: Message) -> None:
        """Send the reason of a failure, and nothing else."""
        if isinstance(message, Ended) and message.outcome in (Outcome.FAILED, Outcome.REFUSED):
            with suppress(OSError):
                self._connection.sendall(encode(message))

    @property
    def stop_requested(self) -> bool:
        """The first process knows."""
        return False

    @property
    def stop_now(self) -> bool:
        """The first process knows."""
        return False

    def wait(self, seconds: float) -> bool:
        """Wait."""
        time.sleep(seconds)
        return False

"""A warm worker: a process with LeRobot loaded that becomes the worker of the next session, which so starts at once.

One per data folder, and so on one console at a time: a second one would cost as much memory again, and its sessions
start cold. `keep` has it started, `hand_over` makes it the worker of a run. It opens no device and holds no lock
(the console holds `warm.lock` for it), and ends with its console: it reads the other end of a socket pair, which
nobody else can reach. What it prints while it waits goes to `warm.log` in the data folder.

It never stands between an operator and a session: whatever is wrong with it, the session starts cold.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from services.bench.profiles import Profile, find_lab_toml
from services.folders import DataFolder, RunFolder
from sessions.locks import Lock, LockBusy

SWITCH = "LAB_CONSOLE_WARM"
"""Set to 0: no worker is kept warm."""
SESSIONS = ("services.workers.record", "services.workers.evaluate", "services.workers.bench")
"""What it can become: what moves an arm. A training's own process loads LeRobot anew."""
NEEDS_BYTES = 3 << 30
"""Free memory (psutil's `available`) below which none is started: it takes about 900 MB, its policy process the same,
and the session that follows wants the rest."""
SPARE_BYTES = 3 << 29
"""Free memory below which one that waits leaves."""
ANSWER_S = 1.0
"""A warm worker answers an order in milliseconds; one that has not by then hangs."""
DISTRIBUTIONS = ("lab-console", "lerobot", "torch")
TAKEN = b"taken"
PACKET = 1 << 16

logger = logging.getLogger(__name__)


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load what sessions at this bench need; with a `policy` also a policy process, for that type where it is named."""

    profile: Profile
    policy: str | None = None


class Become(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Be `python -P -m MODULE RUN` from now on. Answered with TAKEN before anything else is done."""

    module: str
    run: str


Order = Prepare | Become
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
decode = _orders.decode


@dataclass(frozen=True)
class Origins:
    """What a worker takes from where and when it was started: all must still be so when the warm one is used."""

    environment: dict[str, str]
    folder: str
    lab_toml: bytes
    versions: tuple[str, ...]


def origins() -> Origins:
    """As they are now. Reads files: not on a loop."""
    lab_toml, folder = b"", ""
    with suppress(OSError):  # a folder that is gone, a file that nobody may read
        folder = str(Path.cwd())
        found = find_lab_toml()
        lab_toml = bytes(found) + b"\0" + found.read_bytes() if found else b""
    return Origins(worker_environment(), folder, lab_toml, tuple(map(_version, DISTRIBUTIONS)))


def worker_environment() -> dict[str, str]:
    """What a worker inherits: all but the display, since it has none."""
    return {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def free_bytes() -> int:
    """Memory that can be had without swapping."""
    import psutil  # here, since the console's first screen does without

    return int(psutil.virtual_memory().available)


class WarmWorker:
    """One waiting process, and the console's end of its line."""

    def __init__(self, folder: DataFolder) -> None:
        """Raises LockBusy where another console has one for this folder, OSError where it cannot be started."""
        self.origins = origins()
        self._lock = Lock(folder.root / "warm.lock")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(ANSWER_S)
        try:
            with theirs, (folder.root / "warm.log").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "services.workers.warm", str(folder.root)],
                    stdin=theirs.fileno(),
                    stdout=log,
                    stderr=log,
                    env=self.origins.environment,
                    start_new_session=True,
                    close_fds=True,
                )
        except OSError:
            self._let_go()
            raise

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it is there and what it takes from outside is as it was when it started."""
        return self._process.poll() is None and self.origins == origins()

    def prepare(self, profile: Profile, policy: str | None) -> None:
        """Have it load what such a session needs; it goes on with what it loads already."""
        with suppress(OSError):
            self._line.send(msgspec.json.encode(Prepare(profile=profile, policy=policy)))

    def become(self, run: RunFolder, module: str) -> bool:
        """Whether it is the worker of `run` now; else it is gone. It is used up either way."""
        try:
            self._line.send(msgspec.json.encode(Become(module=module, run=str(run.root))))
            taken = self._line.recv(PACKET) == TAKEN
        except OSError:  # it is gone, or hangs
            taken = False
        if taken:
            self._let_go()
        else:
            self.end()
        return taken

    def end(self) -> None:
        """It is gone when this returns."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        self._line.close()
        self._lock.release()


_kept: dict[Path, WarmWorker] = {}
_guard = threading.Lock()


def keep(folder: DataFolder, profile: Profile, policy: str | None = None) -> None:
    """Have a warm worker for this folder and bench, where there is memory for it; `policy` as in Prepare.

    Raises nothing. Takes milliseconds, but not on a loop.
    """
    if os.environ.get(SWITCH) == "0":
        return
    with _guard:
        warm = _kept.get(folder.root)
        if warm is not None and not warm.lives:
            _kept.pop(folder.root).end()
            warm = None
        if warm is None and free_bytes() >= NEEDS_BYTES:
            try:
                warm = _kept[folder.root] = WarmWorker(folder)
            except (LockBusy, OSError) as why:
                logger.info("no warm worker: %s", why)
        if warm is not None:
            warm.prepare(profile, policy)


def hand_over(folder: DataFolder, run: RunFolder, module: str) -> bool:
    """Make the warm worker the worker of `run`, whose request is written; False where it has to start cold."""
    if module not in SESSIONS:
        return False
    with _guard:
        warm = _kept.pop(folder.root, None)
    if warm is None:
        return False
    if not warm.lives:
        warm.end()
        return False
    return warm.become(run, module)


def drop(folder: DataFolder) -> None:
    """End the warm worker of this folder, if there is one."""
    with _guard:
        warm = _kept.pop(folder.root, None)
    if warm is not None:
        warm.end()

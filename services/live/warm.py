"""A warm worker: a waiting process with LeRobot loaded that becomes the next session's worker, which starts at once.

There is one per data folder, so only one console has it: a second would cost as much memory again, and the sessions of
other consoles start cold. `keep` starts it, `hand_over` makes it the worker of a run. It opens no device and holds no
lock (the console holds `warm.lock` for it), and ends with its console: it reads the other end of a socket pair that no
other process can reach. Its output goes to `warm.log` in the data folder while it waits.

It never delays a session: whatever is wrong with it, the session starts cold.
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
"""The environment variable that disables warm workers when set to 0."""
SESSIONS = ("services.workers.record", "services.workers.evaluate", "services.workers.bench")
"""The worker modules that it can become, all with an arm. A training loads LeRobot in another process anyway."""
NEEDS_BYTES = 3 << 30
"""Free memory (psutil's `available`) required to start one: it takes about 900 MB, its policy process the same,
and the session that follows needs the rest."""
SPARE_BYTES = 3 << 29
"""Free memory below which a waiting one exits."""
ANSWER_S = 1.0
"""A warm worker answers an order in milliseconds; one that takes longer than this hangs."""
DISTRIBUTIONS = ("lab-console", "lerobot", "torch")
TAKEN = b"taken"
PACKET = 1 << 16

logger = logging.getLogger(__name__)


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load what sessions at this bench need; if `policy` is not None also a policy process, for that type if named."""

    profile: Profile
    policy: str | None = None


class Become(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Become `python -P -m MODULE RUN`. Answered with TAKEN before anything else is done."""

    module: str
    run: str


Order = Prepare | Become
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
decode = _orders.decode


@dataclass(frozen=True)
class Origins:
    """What a worker takes over from where and when it started: it must be unchanged when the warm one is used."""

    environment: dict[str, str]
    folder: str
    lab_toml: bytes
    versions: tuple[str, ...]


def origins() -> Origins:
    """The current origins. Reads files, so not on an event loop."""
    lab_toml, folder = b"", ""
    with suppress(OSError):  # the folder is gone, or the file unreadable
        folder = str(Path.cwd())
        found = find_lab_toml()
        lab_toml = bytes(found) + b"\0" + found.read_bytes() if found else b""
    return Origins(worker_environment(), folder, lab_toml, tuple(map(_version, DISTRIBUTIONS)))


def worker_environment() -> dict[str, str]:
    """The environment variables that a worker inherits: all but the display, since it has none."""
    return {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def free_bytes() -> int:
    """Memory available without swapping."""
    import psutil  # not needed by the console's first screen

    return int(psutil.virtual_memory().available)


class WarmWorker:
    """One waiting process, and the console's end of its socket pair."""

    def __init__(self, folder: DataFolder) -> None:
        """Raises LockBusy if another console has one for this folder, OSError if it cannot be started."""
        self.origins = origins()
        self._lock = Lock(folder.root / "warm.lock")
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(ANSWER_S)
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
            self._release()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it is alive and its origins are unchanged."""
        return self._process.poll() is None and self.origins == origins()

    def prepare(self, profile: Profile, policy: str | None) -> None:
        """Ask it to load what such a session needs; a load in progress continues."""
        with suppress(OSError):
            self._connection.send(msgspec.json.encode(Prepare(profile=profile, policy=policy)))

    def become(self, run: RunFolder, module: str) -> bool:
        """Make it the worker of `run`. Returns False if that failed; the process is then killed."""
        try:
            self._connection.send(msgspec.json.encode(Become(module=module, run=str(run.root))))
            taken = self._connection.recv(PACKET) == TAKEN
        except OSError:  # it has exited, or hangs
            taken = False
        if taken:
            self._release()
        else:
            self.end()
        return taken

    def end(self) -> None:
        """Kill it and wait for its exit."""
        self._process.kill()
        self._process.wait()
        self._release()

    def _release(self) -> None:
        self._connection.close()
        self._lock.release()


_kept: dict[Path, WarmWorker] = {}
_guard = threading.Lock()


def keep(folder: DataFolder, profile: Profile, policy: str | None = None) -> None:
    """Keep a warm worker for this folder and bench, if there is memory for it; `policy` as in Prepare.

    Raises nothing. Takes milliseconds, but reads files, so not on an event loop.
    """
    if os.environ.get(SWITCH) == "0":
        return
    with _guard:
        warm = _kept.get(folder.root)
        if warm is not None and not warm.usable:
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
    """Make the warm worker the worker of `run`, whose request is already written; False if it must start cold."""
    if module not in SESSIONS:
        return False
    with _guard:
        warm = _kept.pop(folder.root, None)
    if warm is None:
        return False
    if not warm.usable:
        warm.end()
        return False
    return warm.become(run, module)


def drop(folder: DataFolder) -> None:
    """Kill the warm worker of this folder, if there is one."""
    with _guard:
        warm = _kept.pop(folder.root, None)
    if warm is not None:
        warm.end()

"""Machine-wide device locks: one session at a time on an arm or a camera, whichever profile, folder or user.

A lock is a flock on a file in the shared lock folder, held for the worker's life; the kernel lets it go
with the process. The file stays and says who holds it.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from services.folders import FolderProblem, device_lock_folder
from services.text import clean

PATIENCE_S = 1.0
"""A worker that was just killed takes a moment to let go; whoever only asks, microseconds."""

_ADDRESSES = ("remote_ip", "robot_ip", "ip_address", "server_address")
_PATHS = ("port", "index_or_path", "serial_number_or_name")


class DeviceBusy(Exception):
    """A device is held by somebody else, or cannot be locked; says who, and what to do."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a device; `since` is Unix time."""

    pid: int
    user: str
    host: str
    session: str = ""
    bench: str = ""
    operator: str = ""
    since: float = 0.0


# -- which devices ----------------------------------------------------------------------------------


def device_keys(robot: Mapping[str, Any], teleop: Mapping[str, Any], data_dir: Path) -> dict[str, str]:
    """Every device in two LeRobot config dictionaries: lock key -> its name for people.

    Device paths are resolved, so that all links to a device are one key. A simulated robot, leader or
    camera (`type` begins with `sim_`) is the data folder's one simulated bench.
    """
    keys: dict[str, str] = {}
    for part, config in (("follower", robot), ("leader", teleop)):
        for key, name in _devices(config, (part,), data_dir):
            keys.setdefault(key, name)
    return keys


def _devices(config: Mapping[str, Any], where: tuple[str, ...], data_dir: Path) -> Iterator[tuple[str, str]]:
    if str(config.get("type", "")).startswith("sim_"):
        yield f"sim:{os.path.realpath(data_dir)}", "the simulated bench"
        return
    address = next((str(config[key]) for key in _ADDRESSES if config.get(key)), None)
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _devices(value, (*where, name), data_dir)
        elif name in _PATHS and address is None and (key := _key(name, value)):
            yield key, f"{_spoken(where, name)} {value}"
    if address is not None:  # its `port` is one of the network
        yield f"net:{address}", f"{_spoken(where, 'address')} {address}"


def _key(name: str, value: object) -> str | None:
    """The lock key of one setting; None where it names no device."""
    if name == "serial_number_or_name":
        return f"realsense:{value}" if value not in (None, "") else None
    if name == "index_or_path" and re.fullmatch(r"\d+", str(value)):
        return f"/dev/video{int(str(value))}"
    if isinstance(value, str | os.PathLike) and str(value):
        text = os.fspath(value)
        return os.path.realpath(text) if "/" in text else f"port:{text}"
    return None


def _spoken(where: tuple[str, ...], name: str) -> str:
    """`follower port`, `left follower port`, `wrist camera`: the setting at `where` in words."""
    part, *inner = where
    if "cameras" in inner:
        return f"{inner[-1]} camera"
    sides = [re.sub(r"_?(arm_)?config$", "", step) for step in inner]
    return " ".join([*(side for side in sides if side), part, name])


# -- holding them -----------------------------------------------------------------------------------


class DeviceLocks:
    """All of the devices, or none: held from construction to `close`.

    `holder` tells the session, bench and operator that others are to read. Raises DeviceBusy.
    """

    def __init__(self, keys: Mapping[str, str], holder: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> None:
        told = {name: holder.get(name, "") for name in ("session", "bench", "operator")}
        self._holder = Holder(pid=os.getpid(), user=_user(), host=socket.gethostname(), since=time.time(), **told)
        self._fds: list[int] = []
        give_up = time.monotonic() + patience_s
        while (busy := self._take(keys)) is not None:
            if time.monotonic() > give_up:
                raise DeviceBusy(busy)
            time.sleep(0.02)

    def _take(self, keys: Mapping[str, str]) -> str | None:
        """Take all locks in one order for everybody; on the first that is held, let go and say whose it is."""
        try:
            for key in sorted(keys):
                fd, writable = _open(key)
                self._fds.append(fd)
                if not _flock(fd, fcntl.LOCK_EX):
                    busy = _sentence(keys[key], _read(fd))
                    self.close()
                    return busy
                if writable:
                    _write(fd, msgspec.json.encode(self._holder))
        except (OSError, FolderProblem) as error:
            self.close()
            return f"{keys[key]} cannot be locked: {error}"
        return None

    def close(self) -> None:
        """Let all go; may be called more than once. The files stay: removing one would let two in at once."""
        fds, self._fds = self._fds, []
        for fd in fds:
            os.close(fd)

    def __enter__(self) -> DeviceLocks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def holder(key: str) -> str | None:
    """Who holds this key, in words; None where it is free. Changes nothing.

    Raises FolderProblem where the lock folder cannot be shared, OSError where the lock cannot be read.
    """
    try:
        fd = os.open(_path(key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(fd, fcntl.LOCK_SH) else _who(_read(fd))
    finally:
        os.close(fd)


def _path(key: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")[-48:]
    return device_lock_folder() / f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.lock"


def _open(key: str) -> tuple[int, bool]:
    """The lock's file, made for everybody where it is missing, and whether it can be written.

    In a sticky folder Linux refuses O_CREAT on somebody else's file (fs.protected_regular), so an existing
    one is opened without; O_EXCL where it is missing, so that its mode is set once, by its maker.
    """
    path, plain = _path(key), os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | plain), True
    except PermissionError:
        return os.open(path, os.O_RDONLY | plain), False
    except FileNotFoundError:
        pass
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | plain, 0o666)
    except FileExistsError:  # somebody else was faster
        return os.open(path, os.O_RDWR | plain), True
    os.fchmod(fd, 0o666)  # whatever the umask
    return fd, True


def _flock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(fd: int, data: bytes) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, data, 0)


def _read(fd: int) -> Holder | None:
    """What the file says; None where its writer said nothing readable."""
    try:
        return msgspec.json.decode(os.pread(fd, 4096, 0), type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _who(found: Holder | None) -> str:
    if found is None:
        return "another process"
    since = time.strftime("%H:%M UTC", time.gmtime(found.since))
    operator = f"operator {found.operator}, " if found.operator else ""
    session = f"session {found.session}" if found.session else "another process"
    return clean(f"{session} (bench {found.bench}, {operator}user {found.user}, pid {found.pid}, since {since})")


def _sentence(name: str, found: Holder | None) -> str:
    held = f"{name} is held by {_who(found)}"
    if found is None or not found.session:
        return f"{held}: end what uses it"
    if found.user != _user():
        return f"{held}: ask {clean(found.user)} to end that session"
    return f"{held}: end that session or attach to it with `lab-console attach {clean(found.session)}`"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

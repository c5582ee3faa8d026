"""Machine-wide device locks: one session at a time on an arm or a camera, whichever profile, folder or user.

Each device has a lock file (`sessions.locks`) in the shared lock folder, held for the worker's life.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from services.folders import FolderProblem, device_lock_folder
from services.text import clean
from sessions.bench import SIM_PORT, SIM_VIEW, without_cameras
from sessions.locks import Holder, Lock, LockBusy, holder_of, this_process, user_name

PATIENCE_S = 1.0
"""Outlasts a worker that was just killed, and a check of the lock, which holds it for microseconds."""

_ADDRESSES = ("remote_ip", "robot_ip", "ip_address", "server_address")
_PATHS = ("port", "index_or_path", "serial_number_or_name")


class DeviceBusy(Exception):
    """A device is held by another session, or cannot be locked; the message says by whom, and what to do."""


# -- which devices ----------------------------------------------------------------------------------


def device_keys(robot: Mapping[str, Any], teleop: Mapping[str, Any], data_dir: Path) -> dict[str, str]:
    """Every device in two LeRobot config dictionaries: lock key -> its name for people.

    Device paths are resolved, so that all links to a device yield one key. All simulated robots, leaders and
    cameras (`type` begins with `sim_`, `port` is `sim`, `index_or_path` begins with `sim:`) of a data folder are one
    device, the simulated bench; real cameras on a simulated arm are devices of their own.
    """
    keys: dict[str, str] = {}
    for part, config in (("follower", robot), ("leader", teleop)):
        for key, name in _devices(config, (part,), data_dir):
            keys.setdefault(key, name)
    return keys


def arm_keys(robot: Mapping[str, Any], data_dir: Path) -> frozenset[str]:
    """The lock keys of a robot's arms alone: two benches with one of them in common have the same arm."""
    return frozenset(device_keys(without_cameras(robot), {}, data_dir))


def _devices(config: Mapping[str, Any], where: tuple[str, ...], data_dir: Path) -> Iterator[tuple[str, str]]:
    painted = str(config.get("type", "")).startswith("sim_") or str(config.get("index_or_path")).startswith(SIM_VIEW)
    simulated = painted or config.get("port") == SIM_PORT
    if simulated:
        yield f"sim:{os.path.realpath(data_dir)}", "the simulated bench"
    address = next((str(config[key]) for key in _ADDRESSES if config.get(key)), None)
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _devices(value, (*where, name), data_dir)
        elif name in _PATHS and address is None and not simulated and (key := device_key(name, value)):
            yield key, f"{_device_name(where, name)} {value}"
    if address is not None and not simulated:  # then `port` is a network port
        yield f"net:{address}", f"{_device_name(where, 'address')} {address}"


def device_key(name: str, value: object) -> str | None:
    """The lock key of one setting of LeRobot's; None if it names no device.

    A port may be a network port: then only the device's address counts, which `device_keys` sees.
    """
    if name not in _PATHS:
        return None
    if name == "serial_number_or_name":
        return f"realsense:{value}" if value not in (None, "") else None
    if name == "index_or_path" and re.fullmatch(r"\d+", str(value)):
        return f"/dev/video{int(str(value))}"
    if isinstance(value, str | os.PathLike) and str(value):
        text = os.fspath(value)
        return os.path.realpath(text) if "/" in text else f"port:{text}"
    return None


def _device_name(where: tuple[str, ...], name: str) -> str:
    """`follower port`, `left follower port`, `wrist camera`: a name for the setting at `where`."""
    part, *inner = where
    if "cameras" in inner:
        return f"{inner[-1]} camera"
    sides = [re.sub(r"_?(arm_)?config$", "", step) for step in inner]
    return " ".join([*(side for side in sides if side), part, name])


# -- holding them -----------------------------------------------------------------------------------


class DeviceLocks:
    """Locks on all of the devices, or on none: held from construction to `close`.

    `holder` has the session, bench and operator to show to others. Raises DeviceBusy.
    """

    def __init__(self, keys: Mapping[str, str], holder: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> None:
        self._holder = this_process(**{name: holder.get(name, "") for name in ("session", "bench", "operator")})
        self._locks: dict[str, Lock] = {}
        self._users: Counter[str] = Counter()
        self._changing, self._over = threading.Lock(), False
        give_up = time.monotonic() + patience_s
        while (busy := self._take(keys)) is not None:
            if time.monotonic() > give_up:
                raise DeviceBusy(busy)
            time.sleep(0.02)
        self._users.update(list(keys))

    def holds(self, key: str) -> bool:
        """Whether this session holds the key."""
        return key in self._locks

    def add(self, key: str, name: str) -> None:
        """Hold a key more: a device is at another path now. Any thread may call it.

        Raises DeviceBusy, also after `close`.
        """
        with self._changing:
            if self._over:
                raise DeviceBusy(f"{name} is not opened any more: the session is over")
            if not self.holds(key) and (busy := self._take_one(key, name)):
                raise DeviceBusy(busy)
            self._users[key] += 1

    def remove(self, key: str) -> None:
        """A device is at this key no more: release it, unless another device of the session is there now."""
        with self._changing:
            self._users[key] -= 1
            if self._users[key] <= 0 and (lock := self._locks.pop(key, None)) is not None:
                lock.release()

    @contextmanager
    def moving(self, before: str, after: str, name: str) -> Iterator[None]:
        """A device that was at key `before` is opened at `after`: of the two, the one where it then is stays held.

        Raises DeviceBusy.
        """
        if before == after:
            yield
            return
        self.add(after, name)
        try:
            yield
        except BaseException:
            self.remove(after)
            raise
        self.remove(before)

    def _take(self, keys: Mapping[str, str]) -> str | None:
        """Take all locks, in an order common to all processes. If one is held, release all and return the sentence."""
        for key in sorted(keys):
            if busy := self._take_one(key, keys[key]):
                self._release()
                return busy
        return None

    def _take_one(self, key: str, name: str) -> str | None:
        try:
            self._locks[key] = Lock(_path(key), self._holder)
        except LockBusy as busy:
            return _sentence(name, busy.holder)
        except (OSError, FolderProblem) as error:
            return f"{name} cannot be locked: {error}"
        return None

    def close(self) -> None:
        """Release all, and hold none any more; may be called more than once."""
        with self._changing:
            self._over = True
            self._release()

    def _release(self) -> None:
        locks, self._locks = self._locks, {}
        self._users.clear()
        for lock in locks.values():
            lock.release()

    def __enter__(self) -> DeviceLocks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def holder(key: str) -> str | None:
    """A description of who holds this key; None if it is free. Changes nothing.

    Raises FolderProblem if the lock folder cannot be shared, OSError if the lock cannot be read.
    """
    found = holder_of(_path(key))
    return None if found is None else clean(str(found))


def who_holds(keys: Mapping[str, str]) -> str:
    """The sentence with which a session on these devices would fail, about the first one that is held.

    Empty if all are free, or if that cannot be determined.
    """
    for key in sorted(keys):
        with suppress(OSError, FolderProblem):
            if found := holder_of(_path(key)):
                return _sentence(keys[key], found)
    return ""


def _path(key: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")[-48:]
    return device_lock_folder() / f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.lock"


def _sentence(name: str, found: Holder) -> str:
    held = f"{name} is held by {clean(str(found))}"
    if not found.session:
        return f"{held}: end what uses it"
    if found.user != user_name():
        return f"{held}: ask {clean(found.user)} to end that session"
    return f"{held}: end that session or attach to it with `lab-console attach {clean(found.session)}`"

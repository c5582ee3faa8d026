"""Locks between processes: an flock on a file that says who holds it.

The kernel lets a lock go with the process that holds it, however that ends. The file stays: removing it would let two
in at once. Every version of the console locks the same files in the same way, so that two of them exclude each other.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sessions.files import open_to_read

POLL_S = 0.005
LONGEST_HOLDER = 4096


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lock, as its file tells it: JSON. `since` is Unix time; pid 0 means that nobody knows.

    `str()` is for people and not escaped: the file may be anybody's.
    """

    pid: int = 0
    user: str = ""
    host: str = ""
    session: str = ""
    bench: str = ""
    operator: str = ""
    since: float = 0.0

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        who = f"session {self.session}" if self.session else "another process"
        who = who.replace("session session ", "session ", 1)  # a dataset's, as older versions wrote it
        told = {"bench": self.bench, "operator": self.operator, "user": self.user, "pid": self.pid}
        told |= {"host": self.host} if self.host != socket.gethostname() else {}
        since = time.strftime("since %H:%M %Z", time.localtime(self.since))
        return f"{who} ({', '.join([*(f'{name} {value}' for name, value in told.items() if value), since])})"


def this_process(*, session: str = "", bench: str = "", operator: str = "") -> Holder:
    """The process that calls, as a holder from now on."""
    return Holder(
        pid=os.getpid(),
        user=user_name(),
        host=socket.gethostname(),
        session=session,
        bench=bench,
        operator=operator,
        since=time.time(),
    )


def user_name() -> str:
    """The name of the user that this process runs as, or their number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class LockBusy(Exception):
    """Somebody else holds the lock: `holder`."""

    def __init__(self, path: Path, holder: Holder) -> None:
        super().__init__(f"{path} is locked by {holder}")
        self.path, self.holder = path, holder


class Lock:
    """Held from construction to `release`, which may be called more than once.

    The file is made for every user where it is missing, in a folder like /tmp too; where it belongs to another user
    and cannot be written, it is locked all the same. With `opened`, a descriptor that is the lock's from now on, that
    file is locked and nothing is written to it. A child that this process forks holds nothing, and neither its end
    nor its `release` frees the lock.

    Raises LockBusy when the lock is still held after `patience_s`, OSError where the file cannot be opened or locked.
    """

    def __init__(
        self, path: Path, holder: Holder | None = None, *, patience_s: float = 0.0, opened: int | None = None
    ) -> None:
        self.path = path
        self.descriptor, self._writable = (opened, False) if opened is not None else _open(path)
        try:
            self._take(patience_s)
            if self._writable:
                self._say(msgspec.json.encode(holder or this_process()))
        except BaseException:
            os.close(self.descriptor)
            self.descriptor = -1
            raise
        _held.add(self)

    def _take(self, patience_s: float) -> None:
        give_up = time.monotonic() + patience_s
        while not _flock(self.descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= give_up:
                raise LockBusy(self.path, _read(self.descriptor))
            time.sleep(POLL_S)

    def _say(self, data: bytes) -> None:
        """The lock does not depend on it: a full disk keeps nobody from holding what is free."""
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, data, 0)

    def release(self) -> None:
        """Let the next one in."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        _held.discard(self)
        try:
            if self._writable:
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that another language forked may share it
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        """Leave the lock to the parent."""
        descriptor, self.descriptor = self.descriptor, -1
        with suppress(OSError):
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        if getattr(self, "descriptor", -1) >= 0:
            self.release()


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock._forget()
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)


def holder_of(path: Path) -> Holder | None:
    """Who holds the lock at `path`; None where it is free. Changes nothing.

    Raises OSError where that cannot be seen.
    """
    with _reading(path, os.O_NOFOLLOW) as descriptor:
        return _read(descriptor) if descriptor is not None and not _flock(descriptor, fcntl.LOCK_SH) else None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at `path`, a file with content of its own. Raises OSError as `holder_of`."""
    with _reading(path) as descriptor:
        return descriptor is not None and not _flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def _reading(path: Path, flags: int = 0) -> Iterator[int | None]:
    try:
        descriptor = open_to_read(path, flags)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path) -> tuple[int, bool]:
    """The lock's file, made for everybody where it is missing, and whether it can be written.

    In a sticky folder Linux refuses O_CREAT on somebody else's file (fs.protected_regular), so an existing
    one is opened without; O_EXCL where it is missing, so that its mode is set once, by its maker.
    """
    plain = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | plain), True
    except PermissionError:
        return os.open(path, os.O_RDONLY | plain), False
    except FileNotFoundError:
        pass
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | plain, 0o666)
    except FileExistsError:  # somebody else was faster
        return os.open(path, os.O_RDWR | plain), True
    with suppress(OSError):  # of a file system without modes
        os.fchmod(descriptor, 0o666)  # whatever the umask
    return descriptor, True


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Holder:
    """What the file says; an unknown holder where its writer said nothing readable."""
    try:
        return msgspec.json.decode(os.pread(descriptor, LONGEST_HOLDER, 0), type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        return Holder()

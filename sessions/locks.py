"""Locks between processes: an flock on a file that names its holder.

The kernel releases a lock when its holder's process ends, for whatever reason. The file stays: removing it would let
two processes in at once. Every version of the console locks the same files in the same way, so that they exclude
each other.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from sessions.files import cannot_write, open_to_read

POLL_S = 0.005
LONGEST_HOLDER = 4096


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The holder of a lock, stored in its file as JSON. `since` is Unix time; pid 0 means unknown.

    `str()` is for people and is not escaped, although any user may have written the file.
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
        details = {"bench": self.bench, "operator": self.operator, "user": self.user, "pid": self.pid}
        details |= {"host": self.host} if self.host != socket.gethostname() else {}
        since = time.strftime("since %H:%M %Z", time.localtime(self.since))
        return f"{who} ({', '.join([*(f'{name} {value}' for name, value in details.items() if value), since])})"


def this_process(*, session: str = "", bench: str = "", operator: str = "") -> Holder:
    """The calling process as a holder, from now on."""
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
    """The name of this process's user, or else the user id."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


class LockBusy(Exception):
    """The lock is held by `holder`."""

    def __init__(self, path: Path, holder: Holder) -> None:
        super().__init__(f"{path} is locked by {holder}")
        self.path, self.holder = path, holder


class Held(ABC):
    """What is held from construction to `release`, which `with` calls."""

    @abstractmethod
    def release(self) -> None:
        """Let the next one in; may be called more than once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Lock(Held):
    """Held from construction to `release`, which may be called more than once.

    A missing file is created for all users, also in a folder like /tmp; a file of another user that cannot be written
    is locked without writing to it. With `opened`, a descriptor that the lock then owns, that file is locked and
    nothing is written to it. Forked children do not hold the lock, and neither their end nor their `release` frees it.

    Raises LockBusy if the lock is still held after `patience_s`, OSError if the file cannot be opened or locked.
    """

    def __init__(
        self, path: Path, holder: Holder | None = None, *, patience_s: float = 0.0, opened: int | None = None
    ) -> None:
        self.path = path
        self.descriptor, self._writable = (opened, False) if opened is not None else _open(path)
        try:
            self._take(patience_s)
            if self._writable:
                self._write_holder(msgspec.json.encode(holder or this_process()))
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

    def _write_holder(self, data: bytes) -> None:
        """Write the holder. Errors are ignored: a full disk must not prevent anybody from taking a free lock."""
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, data, 0)

    def release(self) -> None:
        """Release the lock."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        _held.discard(self)
        try:
            if self._writable:
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)
            fcntl.flock(
                descriptor, fcntl.LOCK_UN
            )  # explicitly, since a child forked by native code may share the descriptor
        finally:
            os.close(descriptor)

    def hand_over(self) -> None:
        """Close the descriptor, and leave the lock to a process that has inherited it."""
        _held.discard(self)
        self._forget()

    def _forget(self) -> None:
        """Close the descriptor in a forked child without releasing the parent's lock."""
        descriptor, self.descriptor = self.descriptor, -1
        with suppress(OSError):
            os.close(descriptor)

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
    """The holder of the lock at `path`; None if it is free. Changes nothing.

    Raises OSError if the file cannot be opened or checked.
    """
    with _reading(path, os.O_NOFOLLOW) as descriptor:
        return _read(descriptor) if descriptor is not None and not _flock(descriptor, fcntl.LOCK_SH) else None


def is_held(path: Path) -> bool:
    """Whether the file at `path`, which may have any content, is locked. Raises OSError as `holder_of` does."""
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
    """Open the lock's file, or create it for all users; also returns whether it can be written.

    In a sticky folder Linux refuses O_CREAT on another user's file (fs.protected_regular), so an existing file is
    opened without it; a missing file is created with O_EXCL, so that only its creator sets its mode.
    """
    plain = os.O_CLOEXEC | os.O_NOFOLLOW
    with suppress(FileNotFoundError):
        return _open_existing(path, plain)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | plain, 0o666)
    except FileExistsError:  # another process created it meanwhile
        return _open_existing(path, plain)
    with suppress(OSError):  # a file system without modes
        os.fchmod(descriptor, 0o666)  # whatever the umask
    return descriptor, True


def _open_existing(path: Path, flags: int) -> tuple[int, bool]:
    try:
        return os.open(path, os.O_RDWR | flags), True
    except OSError as error:
        if not cannot_write(error):
            raise
        return os.open(path, os.O_RDONLY | flags), False


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Holder:
    """The holder named in the file; an unknown one if the content is unreadable."""
    try:
        return msgspec.json.decode(os.pread(descriptor, LONGEST_HOLDER, 0), type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
        return Holder()

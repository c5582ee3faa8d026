"""The claim of a recording on a dataset: a file inside its folder, whichever path leads there.

The lock beside the folder is found by its path, and a bind mount, another mount point or another host have other ones.
On one machine the kernel's lock on the claim says whether its holder lives; between machines its age does. A recording
reads its claim again before it acknowledges a take, so two that did not see each other begin notice it then.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from sessions.files import open_to_read
from sessions.locks import Held, Holder, Lock, LockBusy, is_held, this_process

CLAIM = ".lab-console.claim"
SILENT_S = 600.0
"""The claim of another machine counts as abandoned when it was not renewed for this long."""
MACHINE_ID = Path("/etc/machine-id")
LONGEST = 8192


class Claimed(Exception):
    """Another recording has the dataset; says which, and what to do."""


class ClaimLost(Exception):
    """The dataset is another recording's by now; says whose."""


class _Words(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. `token` is new with each claim."""

    token: str = ""
    machine: str = ""
    holder: Holder = Holder()


def check_unclaimed(root: Path) -> None:
    """Raises Claimed where a living recording has the dataset at `root`. Changes nothing."""
    path = root / CLAIM
    words = _read(path)
    if words is None:
        return
    if words.machine == machine():
        held = False
        with suppress(OSError):
            held = is_held(path)
        if held:
            raise Claimed(f"it is in use by {words.holder}; end that first")
        return
    with suppress(OSError):
        _check_age(words, path.stat().st_mtime)


def _check_age(words: _Words, touched: float) -> None:
    silent = time.time() - touched
    if words.token and silent < SILENT_S:
        raise Claimed(
            f"it is in use by {words.holder}, last heard of {max(0, silent):.0f} s ago; end that first, or if that "
            f"machine is gone, try again in {max(1, (SILENT_S - silent) / 60):.0f} min"
        )


class Claim(Held):
    """Held from construction to `release`. Raises Claimed, OSError."""

    def __init__(self, root: Path, session: str = "") -> None:
        self.path, self.session = root / CLAIM, session
        self._words = _Words(token=secrets.token_hex(8), machine=machine(), holder=this_process(session=session))
        self._lock = self._take()
        self._write()

    def _take(self) -> Lock:
        """The lock on the file that lies at the path; the one before may have been removed meanwhile."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                lock = Lock(self.path, opened=descriptor)
            except LockBusy:
                holder = (_read(self.path) or _Words()).holder
                raise Claimed(f"it is in use by {holder}; end that first") from None
            words = _read(self.path)
            if words is not None and words.machine not in ("", machine()):
                try:
                    _check_age(words, os.fstat(lock.descriptor).st_mtime)
                except Claimed:
                    lock.release()
                    raise
            if self._is_there(lock):
                return lock
            lock.release()

    def _write(self) -> None:
        try:
            os.ftruncate(self._lock.descriptor, 0)
            os.pwrite(self._lock.descriptor, msgspec.json.encode(self._words), 0)
            os.fsync(self._lock.descriptor)
        except OSError:
            self._lock.release()
            raise

    def renew(self) -> None:
        """Say that this recording goes on. Raises ClaimLost where the claim is another's, or was removed."""
        words = _read(self.path)
        if words is None or not self._is_there(self._lock):
            raise ClaimLost("the claim on it was removed meanwhile: another recording may have written into it")
        if words.token != self._words.token:
            raise ClaimLost(f"{words.holder} records into it, too")
        with suppress(OSError):
            os.utime(self._lock.descriptor)

    def release(self) -> None:
        """Let the next one in. The file goes, unless it is another's by now."""
        if self._lock.descriptor < 0:
            return
        words = _read(self.path)
        if words is not None and words.token == self._words.token and self._is_there(self._lock):
            with suppress(OSError):
                self.path.unlink()
        self._lock.release()

    def _is_there(self, lock: Lock) -> bool:
        """Whether the locked file is the one at the path."""
        try:
            return os.path.samestat(os.fstat(lock.descriptor), self.path.lstat())
        except OSError:
            return False


def _read(path: Path) -> _Words | None:
    """What the claim at `path` says; None without one, nothing known where it cannot be read."""
    try:
        with open(open_to_read(path, os.O_NOFOLLOW), "rb") as file:
            return msgspec.json.decode(file.read(LONGEST), type=_Words)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return _Words()


def machine() -> str:
    """What tells this machine from others, also after it was started again."""
    with suppress(OSError, UnicodeDecodeError):
        if text := MACHINE_ID.read_text("utf-8").strip():
            return text
    return os.uname().nodename

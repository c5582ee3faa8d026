"""Atomic writes and safe opening of files."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk that has no room."""
FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""Errors of a place that may be read, but not written."""


def cannot_write(error: BaseException) -> bool:
    """Whether the error says that this place cannot be written, for want of room or of permission."""
    return isinstance(error, OSError) and error.errno in FULL | FORBIDDEN


def why_unwritable(error: OSError) -> str:
    """The error in a few words for people, with what mends it."""
    match error.errno:
        case errno.EROFS:
            return "its file system is read-only"
        case errno.EACCES | errno.EPERM:
            return f"you may not write there ({error.strerror}): see to its owner and permissions"
        case errno.EDQUOT:
            return "your disk quota is used up: free some space"
        case errno.ENOSPC | errno.EFBIG:
            return "the disk is full: free some space"
        case _:
            return error.strerror or str(error)


def writable(folder: Path) -> bool:
    """Whether this process may add files to the folder, as far as the system tells without a try."""
    return os.access(folder, os.W_OK | os.X_OK)


_MADE = re.compile(r"[a-z0-9_]{8}")
"""What mkstemp adds to a name."""
LEFT_S = 600.0
"""Age of a temporary file whose writer must be gone: a write takes milliseconds."""


def open_to_read(path: Path, flags: int = 0) -> int:
    """Open the regular file at `path`; returns the descriptor. Never blocks.

    Raises OSError, also for anything that is not a regular file (a folder, a pipe).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a file", str(path))
    return descriptor


def real(path: Path) -> Path:
    """The path without links; of one that leads to itself, the link (Path.resolve raises RuntimeError there)."""
    return Path(os.path.realpath(path))


def opened(path: Path, flags: int = 0) -> BinaryIO:
    """The file, to be read. Raises OSError as `open_to_read`: a pipe is never waited for."""
    return os.fdopen(open_to_read(path, flags), "rb")


def read_file(path: Path, flags: int = 0) -> bytes:
    """A file's content. Raises OSError as `opened`."""
    with opened(path, flags) as file:
        return file.read()


def check_file(path: Path) -> None:
    """Raises OSError where a library that opens `path` by itself would fail, or wait for a pipe's writer."""
    os.close(open_to_read(path))


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a temporary file, fsync, rename, fsync the folder: readers see the old or the new file, never a part.

    Raises OSError, leaving nothing behind, if the file cannot be written. What a killed writer of this file left is
    removed.
    """
    with filled_atomically(path, mode=mode) as temporary:
        temporary.write_bytes(data)


@contextmanager
def filled_atomically(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its name, durably, when the block ends; an error removes it.

    Raises OSError, and removes what a killed writer left, as `write_atomically`.
    """
    _sweep(path)
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "rb") as file:
            os.fchmod(file.fileno(), mode)
            yield Path(temporary)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def _sweep(path: Path) -> None:
    """Remove the temporary files of writers of `path` that are long gone; errors are ignored."""
    prefix = f".{path.name}."
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            left = entry.name.startswith(prefix) and _MADE.fullmatch(entry.name.removeprefix(prefix))
            if left and time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_S:
                os.unlink(entry.path)


def sync_tree(folder: Path) -> int:
    """Fsync every file and folder in it, so that a rename of it may follow; returns its bytes. Raises OSError."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            fd = os.open(Path(root, name), os.O_RDONLY)
            try:
                os.fsync(fd)
                total += os.fstat(fd).st_size
            finally:
                os.close(fd)
        sync_folder(Path(root))
    return total


def sync_folder(folder: Path) -> None:
    """Fsync a folder, so that a rename in it survives a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

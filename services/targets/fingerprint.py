"""The fingerprint of a folder: SHA-256 over the names, sizes and contents of its files. The same on every machine.

It counts what rsync moves with `-L`: links are followed, and pipes, sockets and devices are passed over.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from services.datasets.claim import CLAIM
from services.refusal import Refusal

LEFT_OUT = (CLAIM, ".*.lock", "*.lock", ".cache", ".git")
"""Names that belong to a machine and not to the data; neither sent nor counted."""


@dataclass(frozen=True)
class Fingerprint:
    """`digest` is hexadecimal, and empty if there is no such folder."""

    digest: str = ""
    bytes: int = 0


def fingerprint(root: Path) -> Fingerprint:
    """Read every file below `root`. Raises OSError, and Refusal for a link that leads nowhere, or round in a circle."""
    if not root.is_dir():
        return Fingerprint()
    whole, total = hashlib.sha256(), 0
    for path in sorted(_files(root), key=lambda path: path.relative_to(root).as_posix()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        whole.update(f"{content} {size} {path.relative_to(root).as_posix()}\n".encode(errors="surrogateescape"))
        total += size
    return Fingerprint(whole.hexdigest(), total)


def _files(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        for path in (Path(folder, name) for name in folders):
            if path.is_symlink() and Path(folder).resolve().is_relative_to(path.resolve()):
                raise Refusal(f"{path} is a link to a folder that it lies in: remove the link")
        found += [path for name in files if not _is_left_out(name) and _is_file(path := Path(folder, name))]
    return found


def _is_file(path: Path) -> bool:
    """Whether it is a regular file: opening a pipe would wait for whoever writes into it."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            raise Refusal(f"{path} is a link to nothing: put the file back, or remove the link") from None
        raise


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LEFT_OUT)

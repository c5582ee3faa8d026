"""The fingerprint of a policy: whether the one at a path is the one that was there, by what its files hold.

A checkpoint may have gigabytes, and is looked at before a form starts: of a large file its length and samples spread
over all of it are read. A training step changes nearly every weight, so that two checkpoints differ in every sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from services.checkpoints import scripted
from sessions.files import opened

LEFT_OUT = ("lab-console.json", "README.md", "train_config.json")
"""Files that say where a policy comes from, and not what it does."""
WHOLE = 4 * 1024 * 1024
"""Bytes up to which a file is read whole."""
SAMPLES, SAMPLE = 64, 16 * 1024


def fingerprint(pretrained: Path) -> str:
    """SHA-256 (hexadecimal) of the names, lengths and contents, or samples of them, of a policy's files.

    The scripted person is what its name says. Raises OSError if a file cannot be read.
    """
    if _is_scripted(str(pretrained)):
        return str(pretrained)
    digest = hashlib.sha256()
    for file in sorted(path for path in pretrained.iterdir() if path.is_file() and path.name not in LEFT_OUT):
        told = file.stat()
        digest.update(f"{file.name}\0{told.st_size}\0{_content(file, told.st_size, told.st_mtime_ns)}\n".encode())
    return digest.hexdigest()


def weights_of(checkpoints: Iterable[str]) -> dict[str, str]:
    """The fingerprints of these policies by their folders. Raises OSError."""
    return {path: fingerprint(Path(path)) for path in checkpoints}


def other_weights(known: Mapping[str, str]) -> list[str]:
    """The folders of those policies that are not what their fingerprints are of. Raises OSError."""
    return [path for path, then in known.items() if then and fingerprint(Path(path)) != then]


def _is_scripted(path: str) -> bool:
    try:
        return scripted.success_rate(path) is not None
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _content(file: Path, size: int, _written: int) -> str:
    digest = hashlib.sha256()
    with opened(file) as content:
        if size <= WHOLE:
            digest.update(content.read())
        else:
            for number in range(SAMPLES):
                content.seek((size - SAMPLE) * number // (SAMPLES - 1))
                digest.update(content.read(SAMPLE))
    return digest.hexdigest()

"""Real mounts, for tests of what other paths and read-only disks do; only where this process may mount."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def bind(source: Path, target: Path, *, read_only: bool = False) -> Iterator[Path]:
    """`source` a second time at `target`, read-only if asked for."""
    target.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", str(source), str(target))
    try:
        if read_only:
            _run("mount", "-o", "remount,ro,bind", str(target))
        yield target
    finally:
        _run("umount", str(target))


@contextmanager
def small_disk(target: Path, size: int) -> Iterator[Path]:
    """An empty file system of `size` bytes at `target`."""
    target.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(target))
    try:
        yield target
    finally:
        _run("umount", "-l", str(target))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@functools.cache
def may_mount() -> bool:
    """Whether the system lets this process mount."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with bind(Path(folder), Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


needs_mounts = pytest.mark.skipif(not may_mount(), reason="this user may not mount")

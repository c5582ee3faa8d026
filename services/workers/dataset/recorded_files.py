"""The files of a recording, as LeRobot lays them out, and how they become durable."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sessions.files import sync_folder


def recorded_files(root: Path) -> set[str]:
    """Every data, metadata and video file of a recording, unfinished ones too, as LeRobot lays them out."""
    walks = (os.walk(root / top) for top in ("data", "videos", "meta/episodes"))
    return {f"{folder}/{name}" for walk in walks for folder, _, names in walk for name in names}


def sync_all(files: Iterable[Path], root: Path) -> None:
    """Fsync files that LeRobot wrote, and the folders between them and the root."""
    folders: set[Path] = set()
    for path in files:
        sync_file(path)
        folders.update(parent for parent in path.parents if parent == root or root in parent.parents)
    for folder in folders:
        sync_folder(folder)


def sync_file(path: Path) -> None:
    """Fsync a file that another library wrote."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

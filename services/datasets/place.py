"""Whether a dataset can be written where it lies, asked before anything begins."""

from __future__ import annotations

import os
from pathlib import Path

from services.refusal import Refusal
from sessions.files import writable


def check_writable(root: Path) -> None:
    """Raises Refusal if the dataset at `root`, or the folder that it would be made in, cannot be written."""
    folder = root if root.is_dir() else next(parent for parent in root.parents if parent.is_dir())
    if not writable(folder):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        reason = "its file system is read-only" if read_only else "see to its owner and permissions"
        raise Refusal(f"{folder} cannot be written: {reason}; choose another dataset, or another --data-dir")

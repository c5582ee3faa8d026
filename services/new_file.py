"""Whether a file that the operator names can be written: what is there is never overwritten."""

from __future__ import annotations

from pathlib import Path

from services.refusal import Refusal
from services.text import clean
from sessions.files import writable


def check(path: Path) -> None:
    """Raises Refusal if something is there, or its folder is not, or cannot be written."""
    if path.exists() or path.is_symlink():
        raise Refusal(f"{clean(str(path))} exists: choose another file with -o")
    if not path.parent.is_dir():
        raise Refusal(f"the folder {clean(str(path.parent))} does not exist: choose another file with -o")
    if not writable(path.parent):
        raise Refusal(f"you may not write to {clean(str(path.parent))}: choose another file with -o")

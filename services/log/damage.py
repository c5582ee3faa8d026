"""What was damaged in the log and set aside: told to people until they had a day to see it.

The scribe is mostly the first to find a damaged sessions.json, and nobody reads what it says. Each
`sessions.json.corrupt-*` (a whole file) and `sessions.json.damaged-*` (single sessions) beside the log is told; when a
person was first shown it is kept in a file of its own.
"""

from __future__ import annotations

import time
from contextlib import suppress

import msgspec

from services.folders import DataFolder
from sessions.files import write_atomically
from sessions.storage import SINGLE, WHOLE, left_beside

SEEN = "sessions.json.seen"
DAY_S = 24 * 3600.0


def unseen(folder: DataFolder) -> str:
    """What people should know of damaged logs, in a sentence; empty if there are none or they have been seen."""
    shown, now = _shown(folder), time.time()
    names = [name for name in _set_aside(folder) if now - shown.get(name, now) < DAY_S]
    files = [name for name in names if f".{WHOLE}-" in name]
    single = [name for name in names if name not in files]
    parts = [
        f"sessions.json was damaged and set aside as {', '.join(files)}; the log was rebuilt from the runs under "
        f"{folder.runs}; sessions whose run folder is gone remain in that file only" if files else "",
        f"sessions that could not be read were set aside in {', '.join(single)}, and read again from their run "
        "folders; those whose run folder is gone remain there only" if single else "",
    ]  # fmt: skip
    return "; ".join(part for part in parts if part)


def mark_shown(folder: DataFolder) -> None:
    """A person is shown it now. Where that cannot be written it is told again."""
    shown, now = _shown(folder), time.time()
    names = _set_aside(folder)
    if set(names) - shown.keys():
        with suppress(OSError):
            kept = {name: shown.get(name, now) for name in names}
            write_atomically(folder.root / SEEN, msgspec.json.encode(kept))


def _set_aside(folder: DataFolder) -> list[str]:
    return [path.name for path in left_beside(folder.sessions_file, (WHOLE, SINGLE))]


def _shown(folder: DataFolder) -> dict[str, float]:
    """When each was first shown (Unix time)."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode((folder.root / SEEN).read_bytes(), type=dict[str, float])
    return {}

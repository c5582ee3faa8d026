"""What a close look at a dataset found, and what was done to it: from the process that looks to the one that asks."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`episodes` are whole; `unreadable` says what LeRobot would stumble on; `left` are files of a dead recording.

    `notes` tell of the marks, `rejected` and `doubtful` are episodes, `done` says what was changed. `refused` is a
    sentence: nothing was done.
    """

    episodes: int = 0
    frames: int = 0
    unreadable: str = ""
    left: tuple[str, ...] = ()
    repairable: bool = False
    marked: int = 0
    rejected: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    refused: str = ""

"""What is watched: a log, event files, W&B's offline files, an output folder, or one of our runs, told apart by itself.

Reads the disk: do not call it on an event loop.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Protocol

from services.folders import DataFolder
from services.refusal import Refusal
from services.training.watching.points import LoggedRun

SNIFFED = 64 * 1024
"""Bytes at the head of a file that tell what it is."""
WANDB_HEAD = b":W&B"
EVENT_FILE = re.compile(r"\.tfevents\.|\.tfevents$")
STDIN = "-"


class Source(Protocol):
    """One thing that is watched. `read` may run in a thread; everything else may be looked at meanwhile.

    `where` names it for people; `over` is whether nothing more can come; `heard_at` is the Unix time at which it last
    grew, 0 if unknown; `behind` is whether there was more to read than one read takes; `last_lines` are cleaned. `runs`
    only grows. `note` says why points come late, if they do.
    """

    @property
    def where(self) -> str: ...

    @property
    def runs(self) -> list[LoggedRun]: ...

    @property
    def over(self) -> bool: ...

    @property
    def behind(self) -> bool: ...

    @property
    def heard_at(self) -> float: ...

    @property
    def note(self) -> str: ...

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The newest lines that are neither points nor progress bars."""
        ...

    def read(self) -> bool:
        """Read what was added; returns whether anything was. Raises OSError."""
        ...

    def finish(self) -> None:
        """Take what is unfinished as it is: nothing more is waited for."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


def open_source(folder: DataFolder, path: str, *, wait: bool = False) -> Source:
    """Open what `path` names: `-`, a file, a folder, or a training of ours by its name or id.

    With `wait` a path that is not there yet, or empty, may still come. Raises Refusal if it is nothing that can be
    watched, OSError if it cannot be read.
    """
    from services.training.watching import log_file, own_run

    if path == STDIN:
        return log_file.Pipe(STDIN_DESCRIPTOR)
    place = Path(path).expanduser()
    if not place.exists():
        if (found := own_run.find(folder, path)) is not None:
            return own_run.OwnRun(found)
        if wait:
            return log_file.Awaited(folder, place)
        raise Refusal(
            f"{path} is no file, folder or training: nothing is there to watch; --follow waits until it appears"
        )
    return _open_existing(folder, place, wait=wait)


STDIN_DESCRIPTOR = 0


def _open_existing(folder: DataFolder, place: Path, *, wait: bool) -> Source:
    from services.training.watching import event_files, log_file, output_folder, own_run, wandb_files

    mode = place.stat().st_mode
    if stat.S_ISDIR(mode):
        if (place / "events.jsonl").is_file() or (place / "metrics.jsonl").is_file():
            return own_run.OwnRun(place)
        if (own := own_run.of_output(folder, place)) is not None:
            return own_run.OwnRun(own)
        return output_folder.OutputFolder(place, wait=wait)
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return log_file.Pipe(os.open(place, os.O_RDONLY | os.O_CLOEXEC), str(place))
    if not stat.S_ISREG(mode):
        raise Refusal(f"{place} is neither a file nor a folder")
    with place.open("rb") as file:
        start = file.read(SNIFFED)
    if start.startswith(WANDB_HEAD):
        return wandb_files.WandbFiles([place])
    if EVENT_FILE.search(place.name):
        return event_files.EventFiles([place])
    if place.name == "metrics.jsonl":
        return own_run.OwnRun(place.parent)
    if not start and not wait:
        raise Refusal(f"{place} is empty: nothing was logged yet; --follow waits for the first line")
    if is_binary(start):
        raise Refusal(
            f"{place} is no log: its beginning is not text; what can be watched are console logs, TensorBoard and W&B "
            "files, and output folders"
        )
    return log_file.LogFile(place)


def is_binary(start: bytes) -> bool:
    """Whether it is no text; sparse holes that a truncated log has, and damaged characters, are no reason."""
    if not start:
        return False
    text = start.lstrip(b"\0")
    odd = sum(text.count(bytes((each,))) for each in (*range(7), *range(14, 27)))
    broken = text.decode("utf-8", "replace").count("\N{REPLACEMENT CHARACTER}")
    return bool(text) and (odd > len(text) / 50 or broken > len(text) / 10)

"""Files that appear in a folder of the user's together or not at all, and nowhere else.

They are written into a private folder inside it and moved at the end. Names are made of what comes from outside only
by `safe_name`; a link that lies in the folder is never followed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.refusal import Option, Refusal
from sessions.files import sync_folder, sync_tree, why_unwritable

LONGEST = 80
"""Characters of a name that is made of a text from outside."""
OLD = ".replaced"
"""In the private folder: what was there before, until the new is in its place."""
_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(text: str) -> str:
    """A file's name on any system made of any text: letters, digits, dot, dash and underscore; `_` if none is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", plain)).strip("._-")[:LONGEST].strip("._-")
    return f"_{name}" if not name or _WINDOWS.fullmatch(name) else name


def check_free(folder: Path, names: tuple[str, ...], *, overwrite: bool) -> None:
    """Raises Refusal if the folder is none, or has one of these names already."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise Refusal(("", Option("to"), f" names a folder, and {folder} is none: choose another"))
    taken = [] if overwrite else [name for name in names if os.path.lexists(folder / name)]
    if taken:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        there = "exist" if more else "exists"
        raise Refusal(f"{folder / taken[0]}{more} {there}: choose another folder, or write --overwrite")


@contextmanager
def outbox(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A private folder; when the block ends, all that lies in it moves to `folder`, which is made if it is not there.

    Raises Refusal if a name is taken and not to be overwritten, or if `folder` cannot be written; then nothing of this
    is left there.
    """
    check_free(folder, (), overwrite=overwrite)
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        box = Path(tempfile.mkdtemp(dir=folder, prefix=".export-"))
    except OSError as error:
        raise Refusal(f"{folder} cannot be written: {why_unwritable(error)}") from error
    try:
        yield box
        _deliver(box, folder, overwrite=overwrite)
    except OSError as error:
        raise Refusal(f"nothing was exported to {folder}: {why_unwritable(error)}") from error
    finally:
        shutil.rmtree(box, ignore_errors=True)
        if new:
            with suppress(OSError):
                folder.rmdir()  # not where something lies in it


def _deliver(box: Path, folder: Path, *, overwrite: bool) -> None:
    names = tuple(sorted(path.name for path in box.iterdir()))
    check_free(folder, names, overwrite=overwrite)
    sync_tree(box)
    old = box / OLD
    old.mkdir()
    moved: list[str] = []
    try:
        for name in names:
            if os.path.lexists(folder / name):
                (folder / name).rename(old / name)  # a link itself, not what it leads to
            moved.append(name)
            (box / name).rename(folder / name)
    except OSError:
        for name in reversed(moved):
            if not os.path.lexists(box / name):
                (folder / name).rename(box / name)
            if os.path.lexists(old / name):
                (old / name).rename(folder / name)
        raise
    sync_folder(folder)

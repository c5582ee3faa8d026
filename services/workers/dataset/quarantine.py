"""The folder inside a dataset for files that belong to no episode. Nothing is deleted."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from services.datasets.summary import QUARANTINE
from sessions.files import sync_folder, write_atomically

REASON = "reason.txt"


@dataclass
class Quarantine:
    """One folder `quarantine/<timestamp>` of the dataset, created with the first file."""

    root: Path
    moved: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)

    @cached_property
    def folder(self) -> Path:
        """A folder that no other recovery uses."""
        base = self.root / QUARANTINE / time.strftime("%Y%m%d-%H%M%S")
        for number in range(1000):
            folder = base.with_name(f"{base.name}-{number}") if number else base
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
        raise FileExistsError(f"a thousand quarantines of the same second in {base.parent}")

    @property
    def name(self) -> str:
        """The folder's path relative to the dataset; empty if nothing was quarantined."""
        return str(self.folder.relative_to(self.root)) if self.moved or self.copied else ""

    def take(self, path: Path) -> None:
        """Move a file or folder there, keeping its relative path."""
        path.replace(self._place(path, self.moved))

    def keep_copy(self, path: Path) -> None:
        """Keep a copy of a file that is about to be replaced, if it exists."""
        if not path.exists():
            return
        place = self._place(path, self.copied)
        try:
            place.hardlink_to(path)
        except OSError:  # a file system without links
            shutil.copy2(path, place)

    def explain(self, reason: str) -> None:
        """Write the reason into reason.txt and make everything durable; errors such as a full disk are ignored."""
        if not self.name:
            return
        lines = [reason, ""]
        lines += ["set aside from here:", *self.moved, ""] if self.moved else []
        lines += ["rewritten, here as it was:", *self.copied, ""] if self.copied else []
        with suppress(OSError):
            write_atomically(self.folder / REASON, "\n".join(lines).encode())
            for folder in {(self.root / name).parent for name in (*self.moved, *self.copied)}:
                sync_folder(folder)

    def _place(self, path: Path, listed: list[str]) -> Path:
        relative = path.relative_to(self.root)
        place = self.folder / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        listed.append(str(relative))
        return place

"""A session's temporary files: a folder of its own on the datasets' file system, removed at its end.

What killed sessions left is removed by the next one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.folders import SESSION_ID, DataFolder, RunFolder
from services.live.event_log import is_live

OLD_S = 24 * 3600.0
"""Age of what lies loose in the folder, from older versions and other programs, before it is removed."""


@contextmanager
def temporary_folder(run: RunFolder, data_dir: Path) -> Iterator[None]:
    """Within this, temporary files go to `tmp/<session>`. The caller holds the run's events."""
    base = data_dir / "tmp"
    with suppress(OSError):  # a disk that refuses this refuses the session, which says so
        _sweep(DataFolder(data_dir), base)
        (base / run.id).mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(base / run.id)
    try:
        yield
    finally:
        shutil.rmtree(base / run.id, ignore_errors=True)


def _sweep(folder: DataFolder, base: Path) -> None:
    for path in base.iterdir() if base.is_dir() else ():
        if SESSION_ID.fullmatch(path.name):
            old = not is_live(folder.run(path.name))
        else:
            old = time.time() - path.lstat().st_mtime > OLD_S
        if old and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif old:
            path.unlink(missing_ok=True)

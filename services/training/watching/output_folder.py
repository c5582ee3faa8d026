"""An output folder of `lerobot-train`, whoever made it: its checkpoints, its configuration, and what logs lie in it.

Of several sources the one that keeps most is read: W&B's files, then TensorBoard's, then console logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from services.refusal import Refusal
from services.training.history import checkpoints_of
from services.training.watching.event_files import EventFiles
from services.training.watching.log_file import LogFile
from services.training.watching.points import LoggedRun, Saved
from services.training.watching.source import EVENT_FILE, SNIFFED, Source, is_binary
from services.training.watching.wandb_files import WandbFiles
from sessions.files import opened

DEPTH = 4
MOST_FILES = 5_000
LOGS = (".log", ".out", ".txt")
NO_LOG = frozenset({"debug.log", "debug-internal.log", "debug-core.log", "requirements.txt", "output.log"})
"""What W&B writes for itself, besides `output.log`, which repeats the console."""


class OutputFolder:
    """Its files are looked for anew at every read, until some were found."""

    def __init__(self, root: Path, *, wait: bool = False) -> None:
        self.where = str(root)
        self.over = False
        self._root = root
        self._found: Source | None = None
        self._bare: list[LoggedRun] = []
        self._look()
        if self._found is None and not self._bare and not wait:
            whole = next((above for above in _above(root) if checkpoints_of(above) is not None), None)
            instead = f"; it lies in {whole}, an output folder that can be watched" if whole else ""
            raise Refusal(
                f"{root} holds nothing to watch: no checkpoints, no W&B or TensorBoard files and no log of a "
                f"training{instead}"
            )

    @property
    def runs(self) -> list[LoggedRun]:
        return self._found.runs if self._found and self._found.runs else self._bare

    @property
    def behind(self) -> bool:
        return self._found is not None and self._found.behind

    @property
    def heard_at(self) -> float:
        saved = [one.at for run in self.runs for one in run.saved]
        return max([self._found.heard_at if self._found else 0.0, *saved])

    @property
    def note(self) -> str:
        return self._found.note if self._found else ""

    @property
    def last_lines(self) -> tuple[str, ...]:
        return self._found.last_lines if self._found else ()

    def read(self) -> bool:
        if self._found is None:
            self._look()
        grown = self._found.read() if self._found else False
        return self._learn() or grown

    def finish(self) -> None:
        if self._found:
            self._found.finish()

    def close(self) -> None:
        if self._found:
            self._found.close()

    def _look(self) -> None:
        files = list(_files(self._root, DEPTH))
        wandb = sorted((path for path in files if path.suffix == ".wandb"), key=lambda path: path.parent.name)
        events = sorted(path for path in files if EVENT_FILE.search(path.name))
        if wandb:
            self._found = WandbFiles(wandb, self.where)
        elif events:
            self._found = EventFiles(events, self.where)
        elif (log := next((path for path in _by_age(files) if _is_log(path)), None)) is not None:
            self._found = LogFile(log, self.where)
        self._learn()

    def _learn(self) -> bool:
        """The checkpoints and the configuration belong to the newest run; returns whether there are more of them."""
        training = checkpoints_of(self._root)
        if training is None:
            return False
        if not self.runs:
            self._bare.append(LoggedRun(1))
        run = self.runs[-1]
        if not run.facts.config:
            run.facts.learn(training.started.config)
        run.facts.output_dir = str(self._root)
        saved = [Saved(one.step, one.at, one.path, one.bytes) for one in training.checkpoints]
        changed, run.saved = saved != run.saved, saved
        return changed


def _above(root: Path) -> tuple[Path, ...]:
    """The folders around one of a checkpoint: OUTPUT/checkpoints/STEP/pretrained_model."""
    return tuple(root.absolute().parents)[:3]


def _files(root: Path, depth: int) -> Iterator[Path]:
    """The files of a folder and of those below it; links to folders are not followed, checkpoints not looked into."""
    with suppress(OSError), os.scandir(root) as entries:
        for number, entry in enumerate(sorted(entries, key=lambda each: each.name)):
            if number > MOST_FILES:
                return
            if entry.is_dir(follow_symlinks=False):
                if depth > 1 and entry.name != "checkpoints":
                    yield from _files(Path(entry.path), depth - 1)
            elif entry.is_file():
                yield Path(entry.path)


def _by_age(files: list[Path]) -> list[Path]:
    """Possible logs, the one written last first."""
    aged = []
    for path in files:
        if path.suffix in LOGS and path.name not in NO_LOG:
            with suppress(OSError):
                aged.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(aged, reverse=True)]


def _is_log(path: Path) -> bool:
    with suppress(OSError), opened(path) as file:
        start = file.read(SNIFFED)
        return not is_binary(start) and (b"step:" in start or b"lerobot" in start or b"{'" in start)
    return False

"""One of our runs as a source: its metrics.jsonl, and its events for what is known besides."""

from __future__ import annotations

import time
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from services.folders import DataFolder, RunFolder
from services.live.event_log import is_live, read_events
from services.live.metrics import EVAL_LOSS, NOT_METRICS, RESUMED
from services.live.snapshots import replay
from services.refusal import Refusal
from services.text import clean
from services.training.watching.growing import GrowingFiles
from services.training.watching.points import MOST, End, LoggedRun, Saved, known_as
from sessions.files import real
from sessions.models import SessionStatus

LAST = "last"
"""The newest training of the log."""


def find(folder: DataFolder, name: str) -> Path | None:
    """The folder of the training whose id begins with this, or that is called so, or of the newest one; None if there
    is none. Raises Refusal if several are called so.
    """
    from services.training.runs import newest, request_of

    if name == LAST:
        run = newest(folder)
        return run.root if run else None
    if not name or "/" in name:
        return None
    if name[0].isdigit():
        found = [path for path in folder.runs.glob(f"{name}*") if path.is_dir() and request_of(RunFolder(path))]
        if len(found) == 1:
            return found[0]
    return _called(folder, name)


def _called(folder: DataFolder, name: str) -> Path | None:
    """The folder of the training of this name or id, an imported one too; None if there is none. Raises Refusal."""
    from services.training.history import list_runs

    runs = list_runs(folder).runs if folder.root.exists() else ()
    found = [run.id for run in runs if not run.foreign and name in (run.name, run.id)]
    there = [each for each in found if folder.run(each).root.is_dir()]
    if len(there) > 1:
        raise Refusal(f"'{clean(name)}' fits {len(there)} trainings ({', '.join(map(clean, there[:5]))}): give the id")
    return folder.run(there[0]).root if there else None


def of_output(folder: DataFolder, output: Path) -> Path | None:
    """The folder of the training of ours that writes this output folder; None for an imported one, or none."""
    from services.training.history import list_runs

    wanted = real(output)
    runs = (run for run in list_runs(folder).runs if run.session is not None and not run.session.started.imported)
    return next((folder.run(run.id).root for run in runs if run.output and real(run.output) == wanted), None)


class OwnRun(GrowingFiles):
    """A run folder, while it runs and afterwards.

    As on our own screens, what a resumed run made again takes the place of what it had made before.
    """

    def __init__(self, root: Path) -> None:
        super().__init__([root / "metrics.jsonl"], str(root))
        self.place = RunFolder(root)
        self.runs = [LoggedRun(1)]

    def read(self) -> bool:
        grown = super().read()
        if grown or not self.over:
            with suppress(OSError):
                self._learn()
        return grown

    def _learn(self) -> None:
        """What its events say; a session that is not live has nothing more to say."""
        if not self.place.events.exists():
            return
        snapshot, run = replay(read_events(self.place.events)), self.runs[0]
        self.over = not is_live(self.place)
        if snapshot.training is not None:
            started = snapshot.training.started
            run.facts.learn(started.config)
            run.facts.steps, run.facts.batch_size = started.steps, started.samples_per_step
            run.facts.policy, run.facts.output_dir = started.policy, started.output_dir
            run.saved = [Saved(one.step, one.at, one.path, one.bytes) for one in snapshot.training.checkpoints]
        if snapshot.status is not SessionStatus.RUNNING:
            run.end = End.FINISHED if snapshot.status is SessionStatus.FINISHED else End.FAILED
            run.failure = snapshot.end_reason if run.end is End.FAILED else ""

    def parse(self, path: Path, data: bytes, offset: int) -> int:
        """Read whole lines; a damaged one is left out."""
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            with suppress(msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError, OverflowError):
                self._point(msgspec.json.decode(line, type=dict[str, Any]))
        return whole

    def _point(self, values: dict[str, Any]) -> None:
        points, step, at = self.runs[0].points, values.get("step"), values.get("at")
        if not isinstance(step, int) or not 0 <= step < MOST:
            return
        if RESUMED in values:
            if values[RESUMED] is True and isinstance(at, int | float) and isfinite(at):
                self.runs[0].points = points.until(step, float(at))
            return
        measured = EVAL_LOSS in values and "loss" not in values  # it comes after its step
        if len(points) and step <= points.steps[-1] - measured:
            return
        odd = values.get("nonfinite") or {}
        metrics = {known_as(name): float(value) for name, value in {**values, **odd}.items()
                   if name not in NOT_METRICS and isinstance(value, int | float | str)}  # fmt: skip
        samples = values.get("samples")
        stamp = float(at) if isinstance(at, int | float) and isfinite(at) else time.time()
        points.append(step, True, samples if isinstance(samples, int) else None, stamp, metrics)

"""A training that left a folder, a log, TensorBoard's or W&B's files, read to its end and added to the log.

What `watch --keep` keeps is kept alike: it makes no second session. Nothing of what is read is written.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.folders import DataFolder
from services.live import events as ev
from services.log.importing.adding import Import
from services.refusal import Refusal
from services.text import clean
from services.training.history import checkpoints_of
from services.training.watching.keeping import as_import, name, training_of
from services.training.watching.own_run import OwnRun
from services.training.watching.points import LoggedRun
from services.training.watching.source import Source, open_source
from services.units import plural, size
from sessions.models import SessionStatus
from sessions.requests import TrainRequest

LARGEST = 4 * 1024**3
"""Bytes of a log of one training: one that logs every step of a million has a few hundred million."""

UNREAD = "no train_config.json tells what it was trained with"


def imports(folder: DataFolder, place: Path) -> tuple[list[Import], str]:
    """The runs that `place` tells of, as sessions to add, and what they are in a few words.

    Raises Refusal if it tells of none, OSError if it cannot be read.
    """
    found = place.stat()
    called = clean(str(place))
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise Refusal(f"{called} is neither a file nor a folder: `lab-console watch --keep` takes what comes by a pipe")
    if stat.S_ISREG(found.st_mode) and found.st_size > LARGEST:
        raise Refusal(f"{called} has {size(found.st_size)}: that is no log of one training; split it")
    source = _output(folder, place) if stat.S_ISDIR(found.st_mode) else open_source(folder, str(place))
    try:
        if isinstance(source, OwnRun):
            raise Refusal(f"{called} is of a session of this console: it is in the log already")
        while source.read() or source.behind:
            pass
        source.finish()
        runs = [run for run in source.runs if len(run.points) or run.saved]
    finally:
        source.close()
    if not runs:
        raise Refusal(f"{called} has no log point and no checkpoint of a training: there is nothing to import")
    made = [as_import(source.where, run, "") if len(run.points) else _bare(source.where, run) for run in runs]
    return [_told(one, run) for one, run in zip(made, runs, strict=True)], _summary(runs)


def _output(folder: DataFolder, place: Path) -> Source:
    """What a folder holds. Raises Refusal if it holds nothing."""
    try:
        return open_source(folder, str(place))
    except Refusal:
        whole = next((above for above in place.parents[:3] if checkpoints_of(above) is not None), None)
        instead = f"it lies in {whole}, which is one: import that" if whole else "no checkpoints and no log are in it"
        what = f"{place} is no LeRobot dataset and no output folder of a training: {instead}"
        raise Refusal(clean(what)) from None


def _bare(where: str, run: LoggedRun) -> Import:
    """A run that left checkpoints and its configuration only. When it began is not recorded."""
    facts, training = run.facts, training_of(run)
    request = TrainRequest(
        data_dir="", dataset=clean(facts.dataset), policy=clean(facts.policy), name=name(where, run), steps=facts.steps,
        batch_size=facts.batch_size, log_freq=facts.log_freq, save_freq=facts.save_freq,
    )  # fmt: skip
    known = bool(facts.config.get("output_dir") or facts.dataset)
    first = min(run.saved, key=lambda saved: saved.step)
    told = repr([facts.config, *([] if known else [request.name, first.step, first.bytes])])
    origin = ev.SessionStarted(
        id="", pid=0, host="", request=request, imported=str(Path(where).absolute()),
        import_key=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16],
    )  # fmt: skip
    progress = training.progress or ev.TrainingProgressed(step=0)
    reason = "checkpoints only: no log of it is there"
    return Import(
        (
            origin, msgspec.structs.replace(training.started, at=0.0, notes=() if known else (UNREAD,)),
            *training.checkpoints,
            msgspec.structs.replace(progress, at=0.0), ev.SessionEnded(status=SessionStatus.ABORTED, reason=reason),
        )
    )  # fmt: skip


def _told(one: Import, run: LoggedRun) -> Import:
    """The same, as finished where the checkpoint of its last step is there: no log need say it then."""
    *before, ended = one.events
    whole = run.facts.steps and any(saved.step >= run.facts.steps for saved in run.saved)
    if not whole or not isinstance(ended, ev.SessionEnded) or ended.status is not SessionStatus.ABORTED:
        return one
    reason = f"trained all {run.facts.steps} steps: its last checkpoint is there"
    finished = msgspec.structs.replace(ended, status=SessionStatus.FINISHED, reason=reason)
    return Import((*before, finished), one.metrics, one.trained_by)


def _summary(runs: Sequence[LoggedRun]) -> str:
    """`1 training with 300 points and 4 checkpoints`."""
    points, saved = sum(len(run.points) for run in runs), sum(len(run.saved) for run in runs)
    parts = [plural(points, "point") if points else "", plural(saved, "checkpoint") if saved else ""]
    return f"{plural(len(runs), 'training')} with {' and '.join(filter(None, parts))}"

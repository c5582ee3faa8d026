"""What a worker that vanished left: the end that it did not tell, and marks that do not know of its last verdict."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from services.folders import RunFolder
from services.live import events as ev
from services.live import metrics
from services.live.event_log import EventLog, LogBusy, is_live, read_events
from services.live.snapshots import Snapshot, replay
from sessions.models import SessionStatus


def close_crashed(run: RunFolder) -> Snapshot:
    """The run's state; a run whose worker vanished gets its end (`crashed`) written first.

    The end is dated at the last sign of life, however late it is found; a training's last log point comes before it,
    the marks of an evaluation's rollouts after it. A live run is read and left alone.
    Raises OSError where the end cannot be written.
    """
    snapshot = replay(read_events(run.events))
    if not snapshot.running or snapshot.started is None or is_live(run):
        return snapshot
    marks = _settle_marks(run, snapshot)  # takes a while: whoever holds the events meanwhile would look alive
    try:
        with EventLog(run) as log:
            snapshot = replay(log.events)
            told: list[ev.Event] = []
            if snapshot.running:
                told = _unsaid(run, snapshot)
                told.append(crash_at(max(event.at for event in (*log.events, *told))))
            snapshot = replay([log.append(event) for event in (*told, *marks)], snapshot)
    except LogBusy:  # somebody else is closing it
        snapshot = replay(read_events(run.events))
    return snapshot


def _unsaid(run: RunFolder, snapshot: Snapshot) -> list[ev.Event]:
    """A training's last log point: its events may be half a minute behind."""
    training = snapshot.training
    told = metrics.newest(run.metrics, after=training.step) if training else None
    return [msgspec.structs.replace(told, points=max(1, training.points))] if told and training else []


def crash_at(at: float) -> ev.SessionEnded:
    """The end of a run whose worker vanished; its last sign of life was at `at` (Unix time)."""
    return ev.SessionEnded(status=SessionStatus.CRASHED, reason="the worker vanished without an end", at=at)


def _settle_marks(run: RunFolder, snapshot: Snapshot) -> list[ev.Event]:
    """Bring the rollouts' marks up to the verdicts, which reach the events first; what changed.

    A dataset that is in use or gone keeps its marks: the log is right all the same.
    """
    root = Path(snapshot.started.dataset_root if snapshot.started else "")
    saved = [(trial.episode_index, trial) for trial in snapshot.trials if trial.episode_index is not None]
    if not saved or not root.is_absolute() or not root.is_dir():
        return []
    from services.datasets.lock import DatasetProblem, dataset_lock
    from services.datasets.marks import judge_mark

    changed: list[ev.Event] = []
    with suppress(DatasetProblem, OSError), dataset_lock(root, run.id):
        for index, trial in saved:
            mark = judge_mark(root, index, trial.verdict, session=run.id, take=trial.index)
            changed += [ev.EpisodeMarked(index=index, accepted=mark.accepted)] if mark is not None else []
    return changed

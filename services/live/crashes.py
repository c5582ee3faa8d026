"""Cleaning up after a vanished worker: its missing end event, and marks that lack its last verdict."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from services.folders import RunFolder
from services.live import events as ev
from services.live import metrics, reserve
from services.live.elsewhere import follow_again, is_clusters, target_of
from services.live.event_log import EventLog, LogBusy, is_live, read_events
from services.live.snapshots import Snapshot, replay
from sessions.models import SessionStatus


def close_crashed(run: RunFolder) -> Snapshot:
    """The run's state; if its worker vanished, a `crashed` end is written first.

    The end is dated at the last sign of life, however late it is found; a training's last log point comes before it,
    the marks of an evaluation's rollouts after it. A live run is only read. A training on another machine has not ended
    because its follower has: that is started again. A cluster's job is closed by who asks the cluster (targets/slurm).
    Raises OSError if the end cannot be written.
    """
    snapshot = replay(read_events(run.events))
    if not snapshot.running or snapshot.started is None or is_live(run):
        return snapshot
    if target_of(snapshot) is not None:
        follow_again(run)
        return snapshot
    if is_clusters(run):
        return snapshot
    reserve.free(run)
    marks = _update_marks(run, snapshot)  # slow, so before the lock: while it is held the run looks live
    try:
        with EventLog(run) as log:
            snapshot = replay(log.events)
            missing: list[ev.Event] = []
            if snapshot.running:
                missing = _missing_progress(run, snapshot)
                missing.append(crash_at(max(event.at for event in (*log.events, *missing))))
            snapshot = replay([log.append(event) for event in (*missing, *marks)], snapshot)
    except LogBusy:  # another process is closing it
        snapshot = replay(read_events(run.events))
    return snapshot


def _missing_progress(run: RunFolder, snapshot: Snapshot) -> list[ev.Event]:
    """A training's last log point, if it is newer than its events, which may lag by half a minute."""
    training = snapshot.training
    point = metrics.newest(run.metrics, after=training.step) if training else None
    return [msgspec.structs.replace(point, points=max(1, training.points))] if point and training else []


def crash_at(at: float) -> ev.SessionEnded:
    """The end event of a run whose worker vanished; `at` is its last sign of life (Unix time)."""
    return ev.SessionEnded(status=SessionStatus.CRASHED, reason="the worker vanished without an end", at=at)


def _update_marks(run: RunFolder, snapshot: Snapshot) -> list[ev.Event]:
    """Make marks and events agree, each with the one that is written first. Returns the changes.

    A verdict is written to the events first, a person's mark of a take to the dataset. Marks of a dataset that is in
    use or gone stay as they are: the log is right regardless.
    """
    root = Path(snapshot.started.dataset_root if snapshot.started else "")
    if not root.is_absolute() or not root.is_dir():
        return []
    if not snapshot.trials:
        return marks_of_episodes(run, snapshot, root)
    saved = [(trial.episode_index, trial) for trial in snapshot.trials if trial.episode_index is not None]
    from services.datasets.lock import DatasetProblem, dataset_lock
    from services.datasets.marks import judge_mark
    from services.datasets.renumbering import is_another

    changed: list[ev.Event] = []
    with suppress(DatasetProblem, OSError), dataset_lock(root, run.id):
        for index, trial in saved:
            if is_another(root, index):
                continue
            mark = judge_mark(root, index, trial.verdict, session=run.id, take=trial.index)
            changed += [ev.EpisodeMarked(index=index, accepted=mark.accepted)] if mark is not None else []
    return changed


def marks_of_episodes(run: RunFolder, snapshot: Snapshot, root: Path) -> list[ev.Event]:
    """The marks of the session's episodes that reached the dataset at `root` and not the events."""
    from services.datasets.marks import peek_marks

    marks = peek_marks(root)
    own = {index: mark for index, mark in marks.items() if mark.session == run.id}
    verdicts = {trial.index: trial.verdict for trial in snapshot.trials}
    saved = [(episode, own.get(episode.index)) for episode in snapshot.episodes]
    return [
        ev.EpisodeMarked(index=episode.index, accepted=mark.accepted, why=mark.why)
        for episode, mark in saved
        if mark is not None
        and (mark.take, mark.verdict) == (episode.take, verdicts.get(episode.take))
        and mark.accepted is not episode.accepted
    ]

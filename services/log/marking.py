"""Episodes accepted or rejected, and trials judged, after they were made: in the log and in the dataset's marks."""

from __future__ import annotations

import time
from pathlib import Path

from services.datasets.episode_mark import marked, refuse_another
from services.datasets.lock import DatasetProblem, dataset_lock
from services.datasets.marks import Mark, judge_mark
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import marks_of_episodes
from services.live.event_log import LogBusy, is_live
from services.live.snapshots import Snapshot
from services.log.logbook import ANSWER_S, append, find_run, record_event, send
from services.log.problem import LogbookProblem
from services.log.scribe import fold
from sessions.models import Episode, Trial, Verdict

LONGEST_REASON = 200
"""Characters of the reason for a mark: it is read in a line of a list."""


def mark_episode(
    folder: DataFolder, session_id: str, index: int, *, accepted: bool, why: str = "", by: str = ""
) -> None:
    """Accept or reject an episode, in the dataset's marks and in the log. `index` is the episode's in the dataset.

    `why` is the reason and `by` who gives it. While the session runs, its worker does it. Raises LogbookProblem.
    """
    why = why.strip()
    if len(why) > LONGEST_REASON:
        raise LogbookProblem(f"a reason has at most {LONGEST_REASON} characters, this one has {len(why)}")
    run, snapshot = find_run(folder, session_id)
    episode = next((e for e in snapshot.episodes if e.index == index), None)
    if episode is None:
        raise LogbookProblem(f"session {run.id} saved no episode {index}; {_saved(snapshot)}")
    command = protocol.MarkTake(take=episode.take, accepted=accepted, why=why, by=by)
    if not (is_live(run) and send(run, command, time.monotonic() + ANSWER_S)):
        mark = ev.EpisodeMarked(index=index, accepted=accepted, why=why, by=by)
        _mark_afterwards(run, _root(snapshot), episode, mark)
    fold(folder)


def _saved(snapshot: Snapshot) -> str:
    """Which episodes a session saved, in a few words."""
    numbers = sorted(episode.index for episode in snapshot.episodes)
    if not numbers:
        return "it saved none"
    return f"it saved {numbers[0]}" if len(numbers) == 1 else f"it saved {len(numbers)}, {numbers[0]} to {numbers[-1]}"


def _root(snapshot: Snapshot) -> Path:
    return Path(snapshot.started.dataset_root if snapshot.started else "")


def _mark_afterwards(run: RunFolder, root: Path, episode: Episode, mark: ev.EpisodeMarked) -> None:
    """Mark the episode as the worker does: the dataset's mark first (training reads it), then the event.

    Where the event cannot be written, the mark is as before.
    """
    unmarked = Mark(flags=episode.flags, session=run.id, take=episode.take)
    try:
        with marked(root, episode.index, unmarked, accepted=mark.accepted, why=mark.why):
            append(run, mark)
    except (DatasetProblem, LogBusy) as problem:
        raise LogbookProblem(str(problem)) from problem
    except OSError as error:
        raise LogbookProblem(f"the marks in {root} cannot be written: {error.strerror or error}") from error


def reconcile(folder: DataFolder, session_id: str) -> int:
    """Write into the log those marks of an ended session's episodes that only its dataset has; returns how many.

    They are left when a console is killed between the two. Raises LogbookProblem.
    """
    run, snapshot = find_run(folder, session_id)
    root = _root(snapshot)
    if is_live(run) or not root.is_absolute():
        return 0
    missing = marks_of_episodes(run, snapshot, root)
    try:
        for event in missing:
            append(run, event)
    except LogBusy:  # another console does it
        return 0
    if missing:
        fold(folder)
    return len(missing)


def judge_trial(folder: DataFolder, session_id: str, index: int, verdict: Verdict, judge: str = "") -> None:
    """Judge a trial that has no verdict yet, durably. `index` counts attempts from 1.

    While the session runs, its worker does it. Raises LogbookProblem, also if the trial already has a verdict.
    """
    run, snapshot = find_run(folder, session_id)
    trial = next((t for t in snapshot.trials if t.index == index), None)
    if trial is None:
        raise LogbookProblem(f"session {run.id} has no trial {index}")
    if trial.verdict is not None:
        raise LogbookProblem(f"trial {index} of session {run.id} has its verdict: {trial.verdict.value}")
    if trial.assisted and verdict is Verdict.SUCCESS:
        raise LogbookProblem(f"trial {index} of session {run.id} was assisted: it is no success")
    record_event(
        run,
        protocol.JudgeTrial(trial=index, verdict=verdict, judge=judge),
        ev.TrialJudged(trial=index, verdict=verdict, judge=judge),
    )
    try:
        if not is_live(run):
            _mark_verdict(run, snapshot, trial, verdict)
    finally:
        fold(folder)


def _mark_verdict(run: RunFolder, snapshot: Snapshot, trial: Trial, verdict: Verdict) -> None:
    """Write the verdict into the rollouts' marks, if the trial's motion was saved and still exists."""
    root = _root(snapshot)
    if trial.episode_index is None or not root.is_absolute() or not root.is_dir():
        return
    try:
        with dataset_lock(root, run.id):
            refuse_another(root, trial.episode_index)
            mark = judge_mark(root, trial.episode_index, verdict, session=run.id, take=trial.index)
            if mark is not None:
                append(run, ev.EpisodeMarked(index=trial.episode_index, accepted=mark.accepted))
    except (DatasetProblem, LogBusy, OSError) as problem:
        raise LogbookProblem(f"the verdict is in the log, but not in the marks of {root.name}: {problem}") from problem

"""The trials that a judge is trained on: judged ones of one task on one bench, with their last pictures.

Reads the log and datasets; a process of its own decodes the videos (services.datasets.episode_view).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from services.datasets.episode_view import EpisodeOpened, EpisodeProblem, EpisodeView
from services.folders import DataFolder
from services.judges.looks import LAST, Unseen, numbers_of
from services.log import logbook
from services.log.lookup import find
from services.refusal import Refusal
from services.text import clean
from sessions.document import Session
from sessions.models import Trial, Verdict
from sessions.requests import EvalRequest
from sessions.trained_judge import Seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 500
"""Trials that are read, the newest."""


@dataclass(frozen=True)
class Wanted:
    """A judged trial whose motion is in a dataset."""

    session: Session
    trial: Trial


@dataclass
class Examples:
    """Trials that were read: their numbers and verdicts, by trial. `left_out` counts the others by reason."""

    bench: str
    task: str
    cameras: tuple[Seen, ...] = ()
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    won: list[bool] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    judged_by: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


def wanted(folder: DataFolder, sessions: Sequence[str], bench: str, task: str) -> tuple[Examples, list[Wanted]]:
    """What to read, the newest session's trials last. Raises Refusal, LogbookProblem.

    `sessions` are named as in `show`; without any, those of `bench` with the task of the newest, or with `task`.
    """
    if sessions:
        named = list({found.id: found for found in (find(folder, each).session for each in sessions)}.values())
        for each in named:
            if not _judged(each):
                raise Refusal(f"session {each.id} has no judged trial whose motion was recorded: leave it out")
    else:
        log = logbook.sessions(folder).sessions
        named = [each for each in log if _judged(each) and _bench(each) == bench]
        if not named:
            raise Refusal(f"no evaluation on bench {clean(bench)} has a judged trial whose motion was recorded")
    named.sort(key=lambda each: each.id)
    task = task or _task(named[-1])
    if not sessions:
        named = [each for each in named if _task(each) == task]
        if not named:
            raise Refusal(f"no evaluation on bench {clean(bench)} has judged trials of the task {clean(task[:60])!r}")
    for each in named:
        if (_bench(each), _task(each)) != (_bench(named[-1]), task):
            raise Refusal(
                f"sessions {each.id} and {named[-1].id} are not of one bench and one task, which a judge is for: "
                "name those that are"
            )
    trials = [Wanted(each, trial) for each in named for trial in each.trials if _counts(trial)]
    made = Examples(_bench(named[-1]), task)
    if len(trials) > MOST:
        made.left_out[f"older than the newest {MOST}"] += len(trials) - MOST
    return made, trials[-MOST:]


async def read(
    folder: DataFolder, made: Examples, trials: Iterable[Wanted], progress: Callable[[int], None]
) -> Examples:
    """Fill in what the trials show; `progress` is told how many were read. The newest trial says which cameras."""
    view = EpisodeView()
    try:
        for done, each in enumerate(reversed(list(trials)), 1):
            try:
                await _read(view, folder, made, each)
            except (EpisodeProblem, Unseen) as why:
                made.left_out[clean(str(why))] += 1
            progress(done)
    finally:
        await view.close()
    made.rows.reverse()
    made.won.reverse()
    made.sessions.reverse()
    return made


async def _read(view: EpisodeView, folder: DataFolder, made: Examples, each: Wanted) -> None:
    """Raises EpisodeProblem, Unseen."""
    import numpy as np

    assert each.trial.episode_index is not None
    opened = await view.open(_root(folder, each.session), each.trial.episode_index)
    mark = opened.mark
    if mark is None or (mark.session, mark.take) != (each.session.id, each.trial.index):
        raise Unseen("its episode is not in its dataset any more")
    there = _cameras(opened)
    cameras = made.cameras or there
    if lacking := next((seen for seen in cameras if seen not in there), None):
        raise Unseen(f"it has no camera {lacking.camera} of {lacking.width}x{lacking.height}")
    frames = tuple(range(max(0, opened.frames - LAST), opened.frames))
    shown = await view.show(frames, {seen.camera: (seen.width, seen.height) for seen in cameras})
    pictures: dict[str, list[NDArray[np.uint8]]] = {seen.camera: [] for seen in cameras}
    for picture in shown.pictures:
        if picture.problem:
            raise Unseen(picture.problem)
        array = np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3)
        pictures[picture.camera].append(array)
    made.rows.append(numbers_of(pictures, cameras))
    made.cameras = cameras
    made.won.append(each.trial.verdict is Verdict.SUCCESS)
    made.sessions.append(each.session.id)
    made.judged_by.add(each.trial.judge)


def _cameras(opened: EpisodeOpened) -> tuple[Seen, ...]:
    """Raises Unseen."""
    cameras = tuple(
        Seen(camera=each.name, width=each.width, height=each.height)
        for each in opened.cameras
        if each.width and each.height
    )
    if not cameras:
        raise Unseen("it was recorded without a camera")
    return cameras


def _root(folder: DataFolder, session: Session) -> Path:
    """Raises Unseen."""
    root = folder.datasets / session.dataset
    if not session.dataset or ".." in Path(session.dataset).parts or Path(session.dataset).is_absolute():
        raise Unseen("its dataset has no name below the data folder")
    return root


def _counts(trial: Trial) -> bool:
    return trial.counts and not trial.assisted and trial.episode_index is not None


def _judged(session: Session) -> bool:
    return isinstance(session.request, EvalRequest) and any(map(_counts, session.trials))


def _bench(session: Session) -> str:
    return session.request.profile.name if isinstance(session.request, EvalRequest) else ""


def _task(session: Session) -> str:
    return session.request.task if isinstance(session.request, EvalRequest) else ""

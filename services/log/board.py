"""Everything that Bench lists: what runs, datasets, trainings, evaluations, sessions. Reads disk: use a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from services.bench.profiles import Profile
from services.folders import DataFolder
from services.live.running import Runs, find_runs
from services.log.last_seen import LastSeen, last_seen
from services.log.problem import LogbookProblem
from sessions.document import Session
from sessions.models import SessionKind
from sessions.requests import EvalRequest, RecordRequest

if TYPE_CHECKING:  # read after the first paint
    from services.datasets.summary import DatasetSummary

Stamp = tuple[int, ...]


@dataclass(frozen=True)
class DatasetProgress:
    """A dataset and its target: the accepted episodes that its newest recording was to bring it to, 0 if unknown.

    `recorded_at` is Unix time, of that recording or else of the file; `session` is that recording, if it is in the log.
    """

    summary: DatasetSummary
    target: int = 0
    recorded_at: float = 0.0
    session: Session | None = None

    @property
    def seconds(self) -> float:
        """The length of all episodes, the rejected ones included."""
        return self.summary.frames / self.summary.fps if self.summary.fps else 0.0


@dataclass(frozen=True)
class Tried:
    """How often the policy of a checkpoint succeeded, of the trials that count."""

    step: int
    successes: int
    judged: int


@dataclass(frozen=True)
class TrainingResult:
    """A training that is over, and its checkpoint that did best in evaluations, if any was evaluated."""

    session: Session
    best: Tried | None = None


@dataclass(frozen=True)
class Board:
    """`problem` is a sentence on what cannot be read, or empty. Lists are newest first, of the newest sessions.

    `sessions` are recordings and bench sessions. `untouched`: no take was saved here yet. `stamps` tell a change.
    """

    runs: Runs = field(default_factory=Runs)
    datasets: tuple[DatasetProgress, ...] = ()
    trainings: tuple[TrainingResult, ...] = ()
    evaluations: tuple[Session, ...] = ()
    sessions: tuple[Session, ...] = ()
    last: LastSeen | None = None
    untouched: bool = False
    problem: str = ""
    stamps: Mapping[Path, Stamp] = field(default_factory=dict)


class BoardReader:
    """Reads boards of one data folder; a dataset is summarized again only if its info or its marks changed."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._known: dict[Path, tuple[Stamp, DatasetSummary]] = {}

    def read(self, profile: Profile) -> Board:
        """The whole board, for the bench of `profile`."""
        from services.log.logbook import Logbook
        from services.log.table.recent import recent

        runs = find_runs(self._folder)
        summaries, stamps = self._datasets()
        try:
            book = recent(self._folder, (summary.name for summary in summaries))
        except LogbookProblem as problem:
            book = Logbook(message=str(problem))
        running = {item.run.id for item in runs.running}
        over = [session for session in book.sessions if session.id not in running]
        return Board(
            runs=runs,
            datasets=tuple(progress(summary, book.sessions) for summary in summaries),
            trainings=trainings(over, book.sessions),
            evaluations=tuple(s for s in over if s.kind is SessionKind.EVAL),
            sessions=tuple(s for s in over if s.kind in (SessionKind.RECORD, SessionKind.BENCH)),
            last=last_seen(self._folder, over, profile),
            untouched=not any(s.episodes for s in summaries) and not any(s.episodes for s in book.sessions),
            problem="; ".join(dict.fromkeys(filter(None, (book.message, runs.problem)))),
            stamps=stamps,
        )

    def refresh(self, board: Board, profile: Profile) -> Board:
        """The board with what runs as of now; read anew if a session began or ended, or a dataset changed."""
        runs = find_runs(self._folder)
        same = [r.run.id for r in runs.running] == [r.run.id for r in board.runs.running]
        if not same or runs.unreadable != board.runs.unreadable or self._stamps() != board.stamps:
            return self.read(profile)
        return board if runs == board.runs else replace(board, runs=runs)

    def _datasets(self) -> tuple[list[DatasetSummary], dict[Path, Stamp]]:
        """Every dataset that was recorded, those with a problem last; and the stamps by which a change is seen."""
        from services.datasets.summary import summarize

        stamps = self._stamps()
        for root, stamp in stamps.items():
            if self._known.get(root, ((), None))[0] != stamp:
                self._known[root] = stamp, summarize(root, str(root.relative_to(self._folder.datasets)))
        found = [self._known[root][1] for root in stamps]
        return sorted(found, key=lambda summary: summary.problem is not None), stamps

    def _stamps(self) -> dict[Path, Stamp]:
        """When info and marks of each dataset changed (ns), 0 for a missing file; the newest dataset first."""
        from services.datasets.marks import SIDECAR
        from services.datasets.names import ROLLOUT
        from services.datasets.summary import INFO, INFO_BACKUP, dataset_folders

        roots = [root for root in dataset_folders(self._folder.datasets) if not root.name.startswith(ROLLOUT)]
        found = {root: tuple(map(_changed, (root / INFO, root / INFO_BACKUP, root / SIDECAR, root))) for root in roots}
        return dict(sorted(found.items(), key=lambda item: item[1][0] or item[1][3], reverse=True))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def progress(summary: DatasetSummary, listed: Sequence[Session]) -> DatasetProgress:
    """A dataset's progress towards the target of its newest recording among the `listed` sessions (newest first).

    A recording counts its own accepted episodes: those from before are added to its target.
    """
    from services.datasets.summary import INFO

    mine = (s for s in listed if isinstance(s.request, RecordRequest) and _is(s, summary))
    newest = next(mine, None)
    if newest is None:
        return DatasetProgress(summary, recorded_at=_changed(summary.root / INFO) / 1e9)
    before = max(0, summary.accepted - newest.accepted)
    at = newest.ended.at if newest.ended else _changed(summary.root / INFO) / 1e9
    return DatasetProgress(summary, before + newest.target if newest.target else 0, at, newest)


def _is(session: Session, summary: DatasetSummary) -> bool:
    """Whether the session wrote this dataset; by name if its folder is not known."""
    root = session.dataset_root
    return Path(root) == summary.root if root else session.dataset == summary.name


def trainings(over: Sequence[Session], listed: Sequence[Session]) -> tuple[TrainingResult, ...]:
    """The trainings among the sessions that are over, each with its best checkpoint by all `listed` evaluations."""
    evaluations = [session for session in listed if session.kind is SessionKind.EVAL]
    runs = [session for session in over if session.kind is SessionKind.TRAIN]
    return tuple(TrainingResult(run, best(run, evaluations)) for run in runs)


def best(run: Session, evaluations: Sequence[Session]) -> Tried | None:
    """The checkpoint of `run` with the highest lower bound of its success rate; None if none was judged."""
    from sessions.statistics import wilson

    tried: dict[int, Tried] = {}
    for session in evaluations:
        trained_in = _trained_in(session)
        for result in session.results:
            checkpoint = result.checkpoint or session.checkpoint
            step = _step_of(checkpoint, trained_in.get(checkpoint, ""), run)
            if step is not None:
                before = tried.get(step, Tried(step, 0, 0))
                tried[step] = Tried(step, before.successes + result.successes, before.judged + result.judged)
    judged_ones = [one for one in tried.values() if one.judged]
    return max(judged_ones, key=lambda one: (wilson(one.successes, one.judged)[0], one.step), default=None)


def _trained_in(evaluation: Session) -> dict[str, str]:
    """The session that trained each of its checkpoints, as far as known."""
    request = evaluation.request
    if not isinstance(request, EvalRequest):
        return {evaluation.checkpoint: evaluation.trained_in}
    return dict(zip(request.checkpoints, (request.trained_in, *request.further_trained_in), strict=False))


def _step_of(checkpoint: str, trained_in: str, run: Session) -> int | None:
    """The step of the evaluated checkpoint if `run` made it."""
    path = Path(checkpoint)
    made = {Path(saved.path).name for saved in run.training.checkpoints} if run.training else set()
    here = trained_in == run.id
    if run.training is not None and run.training.started.output_dir:
        here = here or Path(run.training.started.output_dir) in path.parents
    names = [name for name in (path.name, path.parent.name) if name.isdecimal()]
    return int(names[0]) if here and names and (not made or names[0] in made) else None

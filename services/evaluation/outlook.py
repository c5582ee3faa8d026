"""What the log knows of checkpoints: from which run, with which loss, and how they were judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.checkpoints.checkpoint import PRETRAINED
from sessions.document import Session, Training
from sessions.facts import CheckpointSaved
from sessions.models import SessionKind, Verdict
from sessions.trials import count


@dataclass(frozen=True)
class Saved:
    """A checkpoint as its training logged it."""

    training: Training
    checkpoint: CheckpointSaved
    dataset: str


@dataclass(frozen=True)
class Judged:
    """The verdicts on a checkpoint so far, in all evaluations of it."""

    success: int = 0
    failure: int = 0

    @property
    def trials(self) -> int:
        """Those that count."""
        return self.success + self.failure


def saved(sessions: Iterable[Session]) -> dict[Path, Saved]:
    """Every logged checkpoint by its folder."""
    trainings = [(s, s.training) for s in sessions if s.training is not None]
    return {Path(c.path): Saved(t, c, s.dataset) for s, t in trainings for c in t.checkpoints}


def judged(sessions: Sequence[Session], checkpoint: Path) -> Judged:
    """The verdicts on the checkpoint in this folder, also where it was one of several."""
    folder = checkpoint.parent if checkpoint.name == PRETRAINED else checkpoint
    runs = [s for s in sessions if s.kind is SessionKind.EVAL]
    trials = [t for s in runs for t in s.trials if (path := t.checkpoint or s.checkpoint) and _folder(path) == folder]
    return Judged(count(trials, Verdict.SUCCESS), count(trials, Verdict.FAILURE))


def _folder(path: str) -> Path:
    return Path(path).parent if Path(path).name == PRETRAINED else Path(path)

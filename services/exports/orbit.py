"""Trials as orbit-eval reads them (`orbit check`, github.com/Rahillasne/orbit-eval, `logtrials.py` of 0.10).

A row is a trial that counts: void ones and practice are left out, as its own tally does. `episode` counts the trials of
one version and skill from 0, `success` is 1 or 0, `reason` is why it failed, `block` the bench and the condition.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from services.checkpoints.checkpoint import label
from services.exports.csv_files import write_rows
from services.exports.tables import Cell
from sessions.blinding import blind
from sessions.document import Session
from sessions.models import Trial, Verdict
from sessions.requests import EvalRequest
from sessions.times import utc

HEADER = ("version", "skill", "episode", "success", "reason", "block", "started_utc")
FILE = "trials.csv"
NAMES = (FILE,)


def write(box: Path, sessions: Sequence[Session]) -> int:
    """Write the file into this folder; returns the number of trials. Raises OSError."""
    made = list(rows(sessions))
    write_rows(box / FILE, HEADER, made)
    return len(made)


def hidden(sessions: Iterable[Session]) -> list[str]:
    """The sessions that are left out: codes of two blinded comparisons would be taken for the same policies."""
    return [session.id for session in sessions if blind(session.request)]


def rows(sessions: Sequence[Session]) -> Iterator[tuple[Cell, ...]]:
    """The rows, in the order of the sessions and of their trials."""
    counted = [(s, t) for s in sessions if not blind(s.request) for t in s.trials if t.counts]
    versions = _versions({_checkpoint(session, trial) for session, trial in counted})
    number: Counter[tuple[str, str]] = Counter()
    for session, trial in counted:
        version = versions[_checkpoint(session, trial)]
        reason = trial.failure_mode if trial.verdict is Verdict.FAILURE else ""
        begun = utc(trial.began) if trial.began else session.started_utc
        yield (
            version, session.task, number[version, session.task], int(trial.verdict is Verdict.SUCCESS), reason,
            _block(session, trial), begun,
        )  # fmt: skip
        number[version, session.task] += 1


def _checkpoint(session: Session, trial: Trial) -> str:
    return trial.checkpoint or session.checkpoint


def _versions(checkpoints: Iterable[str]) -> dict[str, str]:
    """What each is called: its label, or its whole path where another has the same label."""
    called = defaultdict(list)
    for each in checkpoints:
        called[label(each) if each else "unknown"].append(each)
    return {each: name if len(same) == 1 else each for name, same in called.items() for each in same}


def _block(session: Session, trial: Trial) -> str:
    asked = session.request.condition if isinstance(session.request, EvalRequest) else ""
    return ", ".join(filter(None, (session.bench, trial.condition or asked)))

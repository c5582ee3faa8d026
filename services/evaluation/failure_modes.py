"""The failure modes that the digits offer: those of lab.toml, then those that operators typed at this bench. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.text import clean
from sessions.document import Session
from sessions.models import SessionKind, Verdict

MOST = 9
"""Each has one digit."""
LONGEST = 40
"""Characters of one that is typed."""


def why_no_mode(text: str) -> str:
    """Why this cannot be a failure mode, as a sentence; empty if it can."""
    if clean(text) != text:
        return "a failure mode cannot contain control characters"
    if len(text) > LONGEST:
        return f"a failure mode has at most {LONGEST} characters, this one has {len(text)}: the note has room for more"
    return ""


def spelled(typed: str, known: Iterable[str]) -> str:
    """What was typed, without spaces around and in a row; the known one, if it differs in capitals only."""
    text = " ".join(typed.split())
    return next((mode for mode in known if mode.casefold() == text.casefold()), text)


def learnt(log: Iterable[Session], bench: str, task: str) -> tuple[str, ...]:
    """The modes that were given at this bench for this task, the most frequent first, of equal ones the newest.

    What could not have been typed is left out: a log may come from elsewhere.
    """
    used: dict[str, tuple[int, float, str]] = {}
    of_task = [s for s in log if s.kind is SessionKind.EVAL and s.bench == bench and s.task == task]
    for session in sorted(of_task, key=lambda session: session.started.at):
        for trial in session.trials:
            mode = " ".join(trial.failure_mode.split())
            if mode and trial.verdict is Verdict.FAILURE and not why_no_mode(mode):
                times, _, spelling = used.get(mode.casefold(), (0, 0.0, mode))
                used[mode.casefold()] = times + 1, session.started.at, spelling
    order = sorted(used.values(), key=lambda each: (-each[0], -each[1], each[2]))
    return tuple(mode for _, _, mode in order)


def offered(first: Sequence[str], more: Iterable[str]) -> tuple[str, ...]:
    """Up to MOST of them, `first` ones first, each once."""
    found: dict[str, str] = {}
    for mode in (*first, *more):
        found.setdefault(mode.casefold(), mode)
    return tuple(found.values())[:MOST]

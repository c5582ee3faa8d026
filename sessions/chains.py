"""Evaluations that went over several sessions: which belong together, and what they come to. Pure.

A session that goes on with an older one names it; the one place where their trials are put together is here. What a
foreign log says may name sessions that are not there, or run in a circle: both end somewhere, and nothing is counted
twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from sessions import blinding
from sessions.before import Before, Tried
from sessions.document import Session
from sessions.facts import Unblinded
from sessions.models import SessionKind, Trial, Verdict
from sessions.requests import EvalRequest


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: its sessions in the order in which they began, at least one.

    `missing` is the session that the first of them goes on with and the log does not have; empty for a whole one.
    """

    sessions: tuple[Session, ...]
    missing: str = ""

    @property
    def last(self) -> Session:
        """The newest session."""
        return self.sessions[-1]

    @property
    def several(self) -> bool:
        """Whether it went over more than one session."""
        return len(self.sessions) > 1 or bool(self.missing)

    @property
    def trials(self) -> tuple[tuple[Session, Trial], ...]:
        """Every attempt that the log has of it, in order, with its session."""
        return tuple((session, trial) for session in self.sessions for trial in session.trials)

    @property
    def unknown(self) -> Before:
        """What the missing sessions came to, as the first one that there is was told."""
        return before_of(self.sessions[0]) if self.missing else Before()

    def count(self, verdict: Verdict) -> int:
        """Trials with this verdict in all of its sessions, without practice."""
        return self.unknown.count(verdict) + sum(session.count(verdict) for session in self.sessions)

    @property
    def judged(self) -> int:
        """Trials that count."""
        return self.count(Verdict.SUCCESS) + self.count(Verdict.FAILURE)

    @property
    def wanted(self) -> int:
        """How many trials were to be judged in all; 0 if that is not known."""
        return max(before_of(session).judged + session.target for session in self.sessions)

    @property
    def left(self) -> int:
        """Trials that are still to be judged."""
        return max(0, self.wanted - self.judged)

    @property
    def tried(self) -> tuple[Tried, ...]:
        """The trials that count, by checkpoint and condition, in the order in which each was tried first."""
        found = {(each.checkpoint, each.condition): Counter[Verdict]() for each in self.unknown.tried}
        for each in self.unknown.tried:
            counted = {Verdict.SUCCESS: max(0, each.success), Verdict.FAILURE: max(0, each.failure)}
            found[each.checkpoint, each.condition].update(counted)
        for session, trial in self.trials:
            if trial.counts and trial.verdict is not None:
                pair = (trial.checkpoint or session.checkpoint, trial.condition)
                found.setdefault(pair, Counter())[trial.verdict] += 1
        return tuple(Tried(*pair, each[Verdict.SUCCESS], each[Verdict.FAILURE]) for pair, each in found.items())

    @property
    def so_far(self) -> Before:
        """What all of it came to, for a session that goes on with it."""
        unknown, connected = self.unknown, self.last.connected
        return Before(
            sessions=max(0, unknown.sessions) + len(self.sessions),
            attempts=max(0, unknown.attempts) + len(self.trials),
            void=self.count(Verdict.VOID),
            tried=self.tried,
            calibration=connected.calibration if connected else {},
        )


def before_of(session: Session) -> Before:
    """What the sessions came to that this one went on with, as it was told when it began."""
    request = session.request
    return request.before if isinstance(request, EvalRequest) else Before()


def resumes(session: Session) -> str:
    """The session that this one goes on with; empty for none."""
    return session.request.resumes if isinstance(session.request, EvalRequest) else ""


def alone(session: Session) -> Evaluation:
    """The evaluation of a session whose others are not at hand: what they came to is known from its request."""
    return Evaluation((session,), missing=resumes(session))


def evaluations(log: Iterable[Session]) -> list[Evaluation]:
    """Every evaluation of the log, those of one session too, in the order of their last sessions, newest last."""
    known = {session.id: session for session in log if session.kind is SessionKind.EVAL}
    first = _firsts({session_id: resumes(session) for session_id, session in known.items()})
    together: dict[str, list[Session]] = {}
    for session_id, session in known.items():
        together.setdefault(first[session_id], []).append(session)
    found = [
        Evaluation(_named_alike(sorted(members, key=_began)), "" if begins in known else begins)
        for begins, members in together.items()
    ]
    return sorted(found, key=lambda evaluation: _began(evaluation.last))


def evaluation_of(session: Session, log: Iterable[Session]) -> Evaluation:
    """The evaluation that this session, which is one, belongs to."""
    every = {**{other.id: other for other in log}, session.id: session}
    return next(found for found in evaluations(every.values()) if any(s.id == session.id for s in found.sessions))


def by_session(log: Iterable[Session]) -> dict[str, Evaluation]:
    """The evaluation that each session of the log belongs to, by the session's id; without other kinds."""
    return {session.id: found for found in evaluations(log) for session in found.sessions}


def _named_alike(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """What one of them told when it was unblinded holds for the others, which have the same codes."""
    sessions = tuple(sessions)
    told = next((session.unblinded for session in sessions if session.unblinded is not None), None)
    if told is None:
        return sessions
    names = msgspec.structs.replace(told, measured={})
    return tuple(_named(session, names) for session in sessions)


def _named(session: Session, names: Unblinded) -> Session:
    if not blinding.blind(session.request):
        return session
    started = msgspec.structs.replace(session.started, request=blinding.revealed(session.request, names))
    return msgspec.structs.replace(session, started=started, trials=blinding.revealed_trials(session.trials, names))


def _began(session: Session) -> tuple[float, str]:
    return session.started.at, session.id


def _firsts(links: Mapping[str, str]) -> dict[str, str]:
    """The first session of each one's chain: it goes on with none, is not in the log, or is the least of a circle."""
    first: dict[str, str] = {}
    for session_id in links:
        path: dict[str, None] = {}
        at = session_id
        while at not in first and at not in path and links.get(at):
            path[at] = None
            at = links[at]
        if at in path:
            steps = list(path)
            end = min(steps[steps.index(at) :])
        else:
            end = first.get(at, at)
        first.update(dict.fromkeys([*path, session_id], end))
    return first

"""Choices of tasks, strategies and operators, with what the log has of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from screens.views.choices import Choice, when
from screens.views.facts import Fact
from screens.views.signs import clean
from services.bench.profiles import Profile
from services.units import plural
from sessions.document import Session
from sessions.models import SessionKind


def task_choices(profile: Profile, sessions: Sequence[Session]) -> list[Choice]:
    """The tasks of lab.toml by their names, then other instructions that were recorded."""
    times: dict[str, int] = {}
    for session in sessions:
        if session.kind is SessionKind.RECORD and session.task:
            times[session.task] = times.get(session.task, 0) + session.accepted
    named = [_task(task.name, task.text, times.get(task.text, 0)) for task in profile.tasks]
    texts = {task.text for task in profile.tasks}
    return [*named, *(_task(text, text, count) for text, count in times.items() if text not in texts)]


def _task(value: str, text: str, episodes: int) -> Choice:
    note = plural(episodes, "accepted episode") if episodes else "not recorded yet"
    return Choice(clean(value), note, facts=(Fact("sentence", f'"{text}"'), Fact("recorded", note)))


def strategy_choices(sessions: Sequence[Session]) -> list[Choice]:
    """The strategies that were recorded with, each with its episodes."""
    counts: dict[str, int] = {}
    for session in sessions:  # newest first
        for episode in session.episodes if session.kind is SessionKind.RECORD else ():
            if episode.strategy:
                counts[episode.strategy] = counts.get(episode.strategy, 0) + 1
    return [Choice(clean(name), plural(count, "episode")) for name, count in counts.items()]


def operator_choices(profile: Profile, sessions: Sequence[Session], now: float) -> list[Choice]:
    """The operators of lab.toml, then others of the log, each with their sessions."""
    counts: dict[str, int] = {}
    last: dict[str, float] = {}
    for session in sessions:  # newest first
        if session.operator:
            counts[session.operator] = counts.get(session.operator, 0) + 1
            last.setdefault(session.operator, session.started.at)
    names = dict.fromkeys([*profile.operators, *counts])
    return [_operator(name, counts.get(name, 0), last.get(name, 0.0), now) for name in names]


def _operator(name: str, sessions: int, last: float, now: float) -> Choice:
    note = plural(sessions, "session") if sessions else "no session yet"
    facts = [Fact("sessions", note)] + ([Fact("last", when(last, now))] if last else [])
    return Choice(clean(name), note, facts=tuple(facts))

"""What of a bench is not as it was when an evaluation stopped: said before it goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from services.text import clean
from sessions.bench import Profile
from sessions.document import Session

PARTS = ("robot", "motion", "health", "sim")
"""The tables of a bench that say how the arm moves and what the policy sees; cameras are in the robot's."""
MOST = 8
"""Differences named; of more than these, how many there are."""
LONGEST = 40
"""Characters of a value."""


def changes(then: Profile, now: Profile, *, fps: tuple[int, int], task: str) -> list[str]:
    """A sentence for each thing that differs; `fps` are the control loop's rates then and now, `task` its text."""
    differ = [*_tables(then, now)]
    more = len(differ) - MOST
    found = [*differ[:MOST], *([f"and {more} more in lab.toml"] if more > 0 else [])]
    if fps[0] != fps[1]:
        found.insert(0, f"the control loop ran at {fps[0]} Hz, and runs at {fps[1]} Hz now")
    return [*found, *_task(then, now, task)]


def recalibrated(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The arms whose calibration, by fingerprint, is another one; an arm that only one of them knows is named too."""
    if not then or not now:
        return []
    return [
        f"{clean(arm)} has another calibration than in the session before"
        for arm in sorted(then.keys() | now.keys())
        if then.get(arm) != now.get(arm)
    ]


def last_calibration(bench: str, log: Iterable[Session]) -> dict[str, str]:
    """The calibration that this bench's arms had when they were last connected, as far as the log tells."""
    known = [s for s in log if s.bench == bench and s.connected is not None and s.connected.calibration]
    last = max(known, key=lambda session: session.started.at, default=None)
    return last.connected.calibration if last is not None and last.connected is not None else {}


def _tables(then: Profile, now: Profile) -> Iterator[str]:
    before, after = _flat(then), _flat(now)
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            yield f"{key} was {_said(before[key])}, and is not there now"
        elif key not in before:
            yield f"{key} is {_said(after[key])} now, and was not there"
        elif before[key] != after[key]:
            yield f"{key} was {_said(before[key])}, and is {_said(after[key])} now"


def _flat(profile: Profile) -> dict[str, object]:
    tree: dict[str, Any] = msgspec.to_builtins(profile)
    return {key: value for part in PARTS for key, value in _leaves(part, tree.get(part) or {})}


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{prefix}.{clean(str(name))}", inner)
    else:
        yield prefix, value


def _said(value: object) -> str:
    text = clean(str(value))
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else text or "empty"


def _task(then: Profile, now: Profile, text: str) -> Iterator[str]:
    """Where lab.toml had this task, and has it with other words or not at all."""
    name = next((task.name for task in then.tasks if task.text == text), "")
    if not name or any(task.text == text for task in now.tasks):
        return
    other = next((task.text for task in now.tasks if task.name == name), "")
    asked = f'it goes on with "{clean(text)}"'
    if other:
        yield f'task {clean(name)} is "{clean(other)}" in lab.toml now: {asked}'
    else:
        yield f"lab.toml has no task {clean(name)} any more: {asked}"

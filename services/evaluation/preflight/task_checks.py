"""Whether what is asked is what was learnt: the task's text to the letter, and the rate. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from services.evaluation.preflight.facts import Live, Reference
from services.text import clean
from services.units import plural
from sessions.preflight import Check, Level

LONGEST = 120
"""Characters shown of a task's text."""


def task_checks(reference: Reference, live: Live) -> list[Check]:
    """Task and rate."""
    return [_task(reference, live), _rate(reference, live)]


def _task(reference: Reference, live: Live) -> Check:
    name, known = "task", list(dict.fromkeys(reference.tasks))
    if not known:
        found = reference.problem or "the data do not say what they show"
        return Check(name=name, level=Level.UNCHECKED, found=found)
    if live.task in known:
        others = f", one of {plural(len(known), 'task')}" if len(known) > 1 else ""
        return Check(name=name, level=Level.GOOD, found=f"the data's to the letter{others}")
    nearest = max(known, key=lambda text: difflib.SequenceMatcher(None, text, live.task).ratio())
    found = f"not the data's: {difference(nearest, live.task)}"
    if not live.reads:
        found += "; this policy does not read it"
    level = Level.BAD if live.reads else Level.WARNING
    return Check(name=name, level=level, found=found, mends=f"ask for {clean(nearest)[:LONGEST]!r}")


def difference(learnt: str, asked: str) -> str:
    """`Pick up the [-red-] cube`: what only the data have between [- and -], what is only asked between [+ and +]."""
    old, new = clean(learnt).split(), clean(asked).split()
    if old == new:  # blanks, or signs that are not shown
        return f"{asked!r}, not {learnt!r}"[: 2 * LONGEST]
    return " ".join(_marked(old, new))[: 2 * LONGEST]


def _marked(old: list[str], new: list[str]) -> Iterator[str]:
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield " ".join(old[a:b])
            continue
        if b > a:
            yield f"[-{' '.join(old[a:b])}-]"
        if d > c:
            yield f"[+{' '.join(new[c:d])}+]"


def _rate(reference: Reference, live: Live) -> Check:
    name = "rate"
    if not reference.fps:
        return Check(name=name, level=Level.UNCHECKED, found=reference.problem or "the data do not say theirs")
    if abs(reference.fps - live.fps) < 0.01:
        return Check(name=name, level=Level.GOOD, found=f"{live.fps:g} Hz, as in the data")
    times = live.fps / reference.fps
    found = f"{live.fps:g} Hz, and the data have {reference.fps:g}: the arm would move {times:.2g} times as fast"
    return Check(name=name, level=Level.BAD, found=found, mends=f"run it at {reference.fps:g} Hz (`fps` in lab.toml)")

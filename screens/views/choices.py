"""What a picker offers: choices with their facts, and which of them match what was typed. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content

from screens.views.facts import Fact, warning
from screens.views.signs import STYLES, clean, signs
from services.datasets.matching import EVERY_EPISODE_COUNTS
from services.datasets.summary import DatasetSummary
from services.tone import Tone
from services.units import duration, plural

OFFERED = 100
"""Choices in a list, at most; typing narrows it."""


@dataclass(frozen=True)
class Choice:
    """One line of a picker's list. `value` goes into the field; `note` stands beside it in the list.

    `label` is what the line says instead of the value; `facts` are shown beside the form.
    """

    value: str
    note: str = ""
    tone: Tone = Tone.QUIET
    label: str = ""
    facts: tuple[Fact, ...] = ()

    @property
    def shown(self) -> str:
        """The line's first words."""
        return self.label or self.value


def matching(choices: Sequence[Choice], text: str) -> list[Choice]:
    """The choices in which every word of `text` occurs: the same one first, then those that begin with it."""
    text = text.strip().casefold()
    found = [c for c in choices if all(word in f"{c.value} {c.label}".casefold() for word in text.split())]
    return sorted(found, key=lambda choice: _rank(choice, text))[:OFFERED]


def _rank(choice: Choice, text: str) -> int:
    names = (choice.value.casefold(), choice.shown.casefold())
    if text in names:
        return 0
    return 1 if any(name.startswith(text) for name in names) else 2


def choice_line(choice: Choice, width: int, *, marked: bool = False) -> Content:
    """` pick_place   41 of 44 episodes`, in at most `width` cells; the note goes first if there is no room."""
    sign, width = signs().cursor if marked else " ", width - 1
    name = clean(choice.shown, width)
    note = clean(choice.note, max(0, width - len(name) - 2)) if width - len(name) > 8 else ""
    gap = max(2, width - len(name) - len(note))  # notes end at the right edge
    return Content.assemble((sign, STYLES[Tone.ACCENT]), name, " " * gap if note else "", (note, STYLES[choice.tone]))


def named(choices: Iterable[Choice], value: str) -> Choice | None:
    """The choice of this value."""
    return next((choice for choice in choices if choice.value == value), None)


# -- datasets ----------------------------------------------------------------------------------------


def dataset_choices(datasets: Iterable[DatasetSummary], now: float) -> list[Choice]:
    """Every dataset; those with a problem last."""
    listed = [d for d in datasets if d.name == clean(d.name, len(d.name) + 1)]  # a field would pass controls on
    choices = [Choice(d.name, _note(d), _tone(d), facts=dataset_facts(d, now)) for d in listed]
    return sorted(choices, key=lambda choice: choice.tone is Tone.WARNING)


def _tone(dataset: DatasetSummary) -> Tone:
    return Tone.WARNING if dataset.problem or dataset.doubtful else Tone.QUIET


def _note(dataset: DatasetSummary) -> str:
    if dataset.problem or dataset.doubtful:
        return f"{signs().warning} {dataset.problem or plural(len(dataset.doubtful), 'doubtful episode')}"
    counted = f"{dataset.accepted} of {plural(dataset.episodes, 'episode')}"
    return f"{counted} {signs().dot} {duration(dataset.seconds)}"


def kept(dataset: DatasetSummary) -> str:
    """`41 accepted of 44 episodes`, or `44 episodes`."""
    if not dataset.marked:
        return plural(dataset.episodes, "episode")
    return f"{dataset.accepted} accepted of {plural(dataset.episodes, 'episode')}"


def dataset_facts(dataset: DatasetSummary, now: float) -> tuple[Fact, ...]:
    """Episodes, length, cameras, robot, age, and what is wrong with it."""
    facts = [warning(dataset.problem)] if dataset.problem else []
    if not dataset.episodes:
        return (*facts, Fact("episodes", "none yet"))
    marks = "" if dataset.marked else f" ({EVERY_EPISODE_COUNTS})"
    facts.append(Fact("episodes", f"{kept(dataset)}{marks}"))
    if dataset.doubtful:
        facts.append(warning(f"{plural(len(dataset.doubtful), 'episode')} doubtful: edited or renumbered"))
    facts.append(Fact("length", f"{duration(dataset.seconds)} at {dataset.fps:g} frames a second"))
    facts.append(Fact("cameras", ", ".join(dataset.cameras) or "none"))
    if dataset.flags:
        facts.append(Fact("flagged", flagged(dataset.flags), Tone.WARNING))
    if dataset.robot_type:
        facts.append(Fact("robot", dataset.robot_type))
    if dataset.changed:
        facts.append(Fact("recorded", when(dataset.changed, now)))
    return tuple(facts)


def flagged(flags: dict[int, tuple[str, ...]], without: Iterable[str] = ()) -> str:
    """`overhead black: 4, 7, 9`; flags about the cameras in `without` do not count."""
    gone = tuple(f"{name} " for name in without)
    by_flag: dict[str, list[str]] = {}
    for episode, names in flags.items():
        for name in names:
            if not (gone and name.startswith(gone)):
                by_flag.setdefault(name.rstrip("0123456789").strip(), []).append(str(episode))
    return "; ".join(f"{name}: {_listed(numbers)}" for name, numbers in by_flag.items())


def _listed(numbers: Sequence[str]) -> str:
    more = f" and {len(numbers) - 8} more" if len(numbers) > 8 else ""
    return f"{', '.join(numbers[:8])}{more}"


def when(at: float, now: float) -> str:
    """`today 14:02`, `25 Nov 14:02`, and the year if it is another."""
    there, here = time.localtime(at), time.localtime(now)
    clock = time.strftime("%H:%M", there)
    if there[:3] == here[:3]:
        return f"today {clock}"
    day = f"{there.tm_mday} {time.strftime('%b', there)}"
    return f"{day} {clock}" if there.tm_year == here.tm_year else f"{day} {there.tm_year}"

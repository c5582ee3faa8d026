"""By what one wants to do: the groups of the help page and the order of their keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.frame.bindings import Action


@dataclass(frozen=True)
class Group:
    """`ids`: the bindings in it, in this order; `prefix`: every other binding whose id begins so comes after them."""

    title: str
    ids: tuple[str, ...] = ()
    prefix: str = ""


GROUPS = (
    Group("takes", ("record.take", "record.reject"), "record."),
    Group("the episode", ("episode.play", "episode.frame", "episode.second", "episode.after"), "episode."),
    Group("trials and verdicts", ("evaluate.trial",), "evaluate."),
    Group(
        "the arm",
        ("session.pause", "bench.teleoperate", "session.rest", "session.release", "bench.hold", "session.take-over"),
    ),
    Group("trainings", ("train.new", "train.measure", "train.stop", "train.resume", "train.evaluate"), "train."),
    Group("sessions and equipment", ("bench.open", "bench.attach", "bench.choose"), "bench."),
    Group("the log", ("log.open", "log.filter"), "log."),
    Group("this session", ("session.note", "session.finish"), "session."),
    Group("moving around", prefix="go."),
    Group("help and leaving", ("keys", "palette", "back", "leave")),
)
OTHER = Group("more")
STOP = "stop"
"""It stands at the top of the page, in no group."""


def grouped(actions: Iterable[Action]) -> list[tuple[Group, list[Action]]]:
    """The groups that have actions, each with its actions; every action but STOP is in exactly one."""
    found: dict[Group, list[Action]] = {group: [] for group in (*GROUPS, OTHER)}
    for action in actions:
        if action.id != STOP:
            found[_group_of(action.id)].append(action)
    return [(group, sorted(each, key=lambda a: _place(group, a.id))) for group, each in found.items() if each]


def _group_of(id: str) -> Group:
    named = (group for group in GROUPS if id in group.ids)
    prefixed = (group for group in GROUPS if group.prefix and id.startswith(group.prefix))
    return next(named, next(prefixed, OTHER))


def _place(group: Group, id: str) -> int:
    return group.ids.index(id) if id in group.ids else len(group.ids)

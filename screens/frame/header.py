"""The header: the screens as tabs, then session, link, bench, operator and clock, as many as fit. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from screens.desk.desk import Desk
from screens.frame import registry
from screens.frame.link_state import LinkState
from screens.frame.registry import ScreenEntry
from screens.views.keys import key_of
from screens.views.phase import phase_view
from screens.views.signs import STYLES, clean, fit, signs
from screens.views.trials import cameras_used
from screens.widgets.tabline import TabPlace
from services.tone import Tone
from sessions.models import SessionKind
from sessions.requests import EvalRequest

FULL_NAMES, SHORT_NAMES = 76, 68
"""Columns from which tabs have their names, and their short names; below, only the present one has a name."""
LEAST_ABOUT = 24
STATE_LIMIT = 24


@dataclass(frozen=True)
class Part:
    """A fact at the right; of those that do not fit, the ones of the highest rank go first."""

    text: str
    style: str
    rank: int


def header(desk: Desk, present: ScreenEntry, link: LinkState, width: int, now: float) -> tuple[Content, list[TabPlace]]:
    """The line of exactly `width` cells, and where its tabs are."""
    tabs, places = _tabs(desk, present, width)
    room = width - tabs.cell_length - 2
    right = _joined(_fitting(_facts(desk, link, now), room))
    about = _about(desk)
    spare = width - tabs.cell_length - right.cell_length - 4
    if about and spare >= LEAST_ABOUT:
        text = fit(about, spare).rstrip()
        middle = Content.styled(f"  {text}", "$quiet")
    else:
        middle = Content("")
    gap = max(1, width - tabs.cell_length - middle.cell_length - right.cell_length)
    return Content.assemble(tabs, middle, " " * gap, right), places


# --- tabs -------------------------------------------------------------------------------------------


def _tabs(desk: Desk, present: ScreenEntry, width: int) -> tuple[Content, list[TabPlace]]:
    """One tab a screen, each in its place whatever happens; brackets mark the present one, a dot calls."""
    parts: list[tuple[str, str]] = []
    places: list[TabPlace] = []
    at = 0
    for entry in registry.every_screen():
        if entry is not present and (entry not in registry.SCREENS or not entry.opens(desk)):
            continue
        key, name = key_of(f"go.{entry.mode}", entry.keys), _name(entry, width, present=entry is present)
        here, calls = entry is present, entry is not present and calls_for(desk, entry)
        text = f"{key} {name}".strip()
        left, right = ("[", "]") if here else (" ", signs().live if calls else " ")
        parts += [(left, "bold $accent"), (key, "bold $accent" if here else "$accent")]
        parts += [
            (text.removeprefix(key), "bold $accent" if here else ""),
            (right, "bold $accent" if here else "bold $warning"),
        ]
        places.append(TabPlace(at, at + cell_len(text) + 2, entry.mode))
        at += cell_len(text) + 2
    return Content.assemble(*parts), places


def _name(entry: ScreenEntry, width: int, *, present: bool) -> str:
    if width >= FULL_NAMES:
        return entry.title
    return (entry.short or entry.title) if present or width >= SHORT_NAMES else ""


def calls_for(desk: Desk, entry: ScreenEntry) -> bool:
    """Whether something happened on this screen that was not seen."""
    return any(kind in desk.attention for kind in kinds_of(entry))


def kinds_of(entry: ScreenEntry) -> tuple[SessionKind, ...]:
    """The kinds of sessions that a screen shows: Bench has those without a screen of their own."""
    if entry.kind is not None:
        return (entry.kind,)
    homeless = tuple(kind for kind in SessionKind if registry.shows(kind) is None)
    return homeless if entry is registry.SCREENS[0] else ()


# --- facts ------------------------------------------------------------------------------------------


def _facts(desk: Desk, link: LinkState, now: float) -> list[Part]:
    bench = clean(desk.profile.name, 24) + (" (demo)" if desk.demo else "")
    lag = f"screen {max(1, round(link.behind_s))} s behind" if link.lags else ""
    word, tone = state(desk, now)
    parts = (
        Part(lag, "bold $warning", 0),
        Part(word, f"bold {STYLES[tone]}", 1),
        Part(bench, "bold", 3),
        Part(clean(desk.operator, 20), "$quiet", 4),
        Part(time.strftime("%H:%M", time.localtime(now)), "$quiet", 2),
    )
    return [part for part in parts if part.text]


def state(desk: Desk, now: float) -> tuple[str, Tone]:
    """The session's state, by the word of the big panel; empty without a session."""
    if not desk.live:
        return "", Tone.QUIET
    view = phase_view(desk.snapshot, desk.telemetry, driving=desk.driving, now=now)
    return clean(view.word, STATE_LIMIT), view.tone


def _about(desk: Desk) -> str:
    """What the session is about."""
    started = desk.snapshot.started
    if not desk.live or started is None:
        return ""
    if started.kind is SessionKind.RECORD:
        return f'{clean(started.dataset)} {signs().dot} "{clean(started.task)}"'
    if isinstance(started.request, EvalRequest):
        from services.log.trials.results import policy_name

        tried = ", ".join(clean(policy_name(each), 60) for each in started.request.checkpoints)
        sees = cameras_used(desk.snapshot, tuple(desk.cameras))
        return f" {signs().dot} ".join(filter(None, [tried, sees]))
    return ""


def _fitting(parts: Sequence[Part], room: int) -> list[Part]:
    """The parts that fit, in their order."""
    kept = list(parts)
    while kept and _joined(kept).cell_length > room:
        kept.remove(max(kept, key=lambda part: part.rank))
    return kept


def _joined(parts: Sequence[Part]) -> Content:
    found: list[tuple[str, str]] = []
    for part in parts:
        found += [(f" {signs().dot} ", "$quiet")] if found else []
        found.append((part.text, part.style))
    return Content.assemble(*found, " ") if found else Content("")

"""The strip of takes: `01✓ 02✗ 03⚠ 04●`."""

from __future__ import annotations

from textual.content import Content

from screens.views.signs import signs
from services.live.phases import Phase
from services.live.snapshots import Snapshot


def take_marks(snapshot: Snapshot) -> list[tuple[int, str, str]]:
    """(take, sign, tone variable) of every take of the session, in order."""
    s = signs()
    marks: dict[int, tuple[str, str]] = {}
    for episode in snapshot.episodes:
        if not episode.accepted:
            marks[episode.take] = (s.no, "$error")
        elif episode.flags:
            marks[episode.take] = (s.warning, "$warning")
        else:
            marks[episode.take] = (s.yes, "$success")
    for lost in snapshot.lost:
        marks[lost.take] = (s.void, "$error")
    if snapshot.phase is Phase.RECORDING:
        marks[snapshot.take] = (s.live, "$accent") if snapshot.take_accepted else (s.no, "$error")
    elif snapshot.unsaved_take:
        marks[snapshot.unsaved_take] = (s.more, "$accent")
    return [(take, *marks[take]) for take in sorted(marks)]


def take_strip(snapshot: Snapshot, width: int) -> Content:
    """The newest takes that fit into `width` cells, or a legend if there are none."""
    marks = take_marks(snapshot)
    if not marks:
        return Content.styled("takes appear here: 01 accepted, rejected, flagged", "$quiet")
    digits = max(2, len(str(marks[-1][0])))
    fits = max(1, (width - 6) // (digits + 2))
    hidden = len(marks) - fits
    parts: list[tuple[str, str]] = [(f"+{hidden} ", "$quiet")] if hidden > 0 else []
    for take, sign, tone in marks[-fits:]:
        parts += [(f"{take:0{digits}d}", "$quiet"), (sign, f"bold {tone}"), (" ", "")]
    return Content.assemble(*parts)

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


def raised(count: int) -> str:
    """How many moments of a take a person marked, raised so that it is not read as a take."""
    if not count:
        return ""
    return "¹²³⁴⁵⁶⁷⁸⁹"[min(count, 9) - 1] if signs().unicode else f"/{count}"


def take_strip(snapshot: Snapshot, width: int, rows: int = 1) -> Content:
    """The newest takes that fit into `rows` rows of `width` cells, or a legend if there are none."""
    marks = take_marks(snapshot)
    if not marks:
        s = signs()
        return Content.styled(
            f"takes appear here: 01{s.yes} accepted, 02{s.no} rejected, 03{s.warning} flagged", "$quiet"
        )
    digits = max(2, len(str(marks[-1][0])))
    moments = {episode.take: len(episode.moments) for episode in snapshot.episodes}
    moments |= {take: len(frames) for take, frames in snapshot.moments.items()}
    in_row = max(1, (width - 6) // (digits + (3 if any(moments.values()) else 2)))
    fits = in_row * rows
    hidden = len(marks) - fits
    parts: list[tuple[str, str]] = [(f"+{hidden} ", "$quiet")] if hidden > 0 else []
    for at, (take, sign, tone) in enumerate(marks[-fits:], 1):
        parts += [(f"{take:0{digits}d}", "$quiet"), (sign, f"bold {tone}"), (raised(moments.get(take, 0)), "$accent")]
        parts += [("\n" if at % in_row == 0 else " ", "")]
    return Content.assemble(*parts)

"""A success rate and its interval as a bar. Pure, without textual: the shell prints it as well."""

from __future__ import annotations

from screens.views.signs import signs
from services.log.sections import Interval


def interval_bar(interval: Interval | None, width: int) -> list[tuple[str, str]]:
    """`0 ├─━━━━●━━──┤ 100`: the interval on its scale with the rate as a point; (text, style) pairs."""
    s = signs()
    cells = max(5, width - len("0 || 100"))
    track: list[tuple[str, str]] = [(s.track, "$edge")] * cells
    if interval is not None:
        low, at, high = (round(share * (cells - 1)) for share in (interval.low, interval.at, interval.high))
        track[low : high + 1] = [(s.span, "$accent")] * (high + 1 - low)
        track[at] = (s.live, "bold $foreground")
    return [("0 ", "$quiet"), (s.left, "$edge"), *track, (s.right, "$edge"), (" 100", "$quiet")]

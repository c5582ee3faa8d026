"""Curves and maps as SVG, drawn with the page's own colours, so that they are dark on a dark page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, isfinite, log10

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from services.log.headline import share
from services.training.downsampling import downsample
from sessions.conditions import Place

WIDE, HIGH = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 34
"""Room around the curve for the axes' numbers, in the drawing's units."""
LARGEST = 1e100
"""Values beyond it belong to a run that diverged, and would press all others onto the axis."""
COLUMNS = 300
"""Columns that a curve is drawn on: a page shows no more."""


def curve(steps: NDArray[np.int64], values: NDArray[np.float64], name: str, *, log: bool) -> str:
    """The values by step; empty for fewer than two that can be drawn. `log`: logarithmic if they span powers of ten."""
    keep = np.isfinite(values) & (np.abs(values) < LARGEST)
    x, y = steps[keep].astype(np.float64), values[keep]
    if len(x) < 2 or x[0] == x[-1]:
        return ""
    log = log and bool((y > 1 / LARGEST).all()) and y.max() > 10 * y.min()
    shown = downsample(x, y, COLUMNS)
    low, high = _range(y, log)
    across = WIDE - LEFT - RIGHT
    down = HIGH - TOP - BOTTOM

    def at(value: float) -> float:
        part = (_axis(value, log) - low) / (high - low)
        return TOP + down * (1 - part)

    points = " ".join(
        f"{LEFT + across * (a - x[0]) / (x[-1] - x[0]):.1f},{at(b):.1f}"
        for a, b in zip(x[shown], y[shown], strict=True)
    )
    marks = [_level(at(tick), f"{tick:.4g}") for tick in _ticks(low, high, log)]
    ends = [
        _text(LEFT, HIGH - 12, f"step {x[0]:,.0f}", "start"),
        _text(WIDE - RIGHT, HIGH - 12, f"{x[-1]:,.0f}", "end"),
    ]
    return _svg(WIDE, HIGH, name, [*marks, *ends, f'<polyline class="curve" points="{points}"/>'])


def _axis(value: float, log: bool) -> float:
    return log10(value) if log else value


def _range(y: NDArray[np.float64], log: bool) -> tuple[float, float]:
    """Both ends of the axis, as it is scaled; never the same."""
    low, high = _axis(float(y.min()), log), _axis(float(y.max()), log)
    room = (high - low) * 0.05 or max(abs(high) * 0.05, 1e-12)
    return low - room, high + room


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Up to six round numbers between the ends."""
    if log:
        powers = range(ceil(low), floor(high) + 1)
        if len(powers) >= 2:
            return [10.0**power for power in powers][:: max(1, ceil(len(powers) / 6))]
        return [10.0**at for at in (low + (high - low) * part for part in (0.05, 0.5, 0.95))]
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * n for n in range(ceil(low / step), floor(high / step) + 1)]


def _level(y: float, text: str) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(LEFT - 6, y + 4, text, "end")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(wide: float, high: float, name: str, drawn: Iterable[str]) -> str:
    label = escape(name)
    box = f'viewBox="0 0 {wide:.0f} {high:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{label}">'
    return f"{head}<title>{label}</title>{''.join(drawn)}</svg>"


# -- a map --------------------------------------------------------------------------------------------

SIDE, MARGIN = 420.0, 46.0


def success_map(results: Sequence[tuple[str, Place, int, int]], name: str) -> str:
    """(condition, place, successes, trials) seen from above: the arm's base below, ahead is up. Empty for none.

    Beside each place stands a bar as high as the share of its trials that succeeded.
    """
    return _map([(each[1], _disc(*each)) for each in results], name)


def places_map(places: Sequence[tuple[str, Place]], name: str) -> str:
    """What lies where, seen from above: a dot for each, whose pointer says what it is. Empty for none."""
    return _map([(place, _dot(what)) for what, place in places], name)


Drawn = Callable[[float, float], str]
"""What is drawn at a point of the drawing."""


def _map(drawn: Sequence[tuple[Place, Drawn]], name: str) -> str:
    """The table from above, true to scale, with the arm's base; ahead is up, and its left is left."""
    known = [(place, draw) for place, draw in drawn if isfinite(place.x) and isfinite(place.y)]
    if not known:
        return ""
    xs, ys = [*(place.x for place, _ in known), 0.0], [*(place.y for place, _ in known), 0.0]
    wide, high = max(ys) - min(ys), max(xs) - min(xs)
    scale = (SIDE - 2 * MARGIN) / max(wide, high, 1.0)
    width, height = max(wide * scale + 2 * MARGIN, SIDE), high * scale + 2 * MARGIN
    centre = (max(ys) + min(ys)) / 2

    def at(x: float, y: float) -> tuple[float, float]:
        return width / 2 + (centre - y) * scale, MARGIN + (max(xs) - x) * scale

    base = at(0, 0)
    arm = f'<rect class="arm" x="{base[0] - 9:.1f}" y="{base[1] - 9:.1f}" width="18" height="18"/>'
    label = _text(base[0], base[1] + 26, "arm", "middle")
    length = next(mm for mm in RULERS if mm * scale <= width / 3 or mm == RULERS[-1])
    end = MARGIN / 2 + length * scale
    ruler = f'<line class="arm" x1="{MARGIN / 2:.1f}" x2="{end:.1f}" y1="{height - 12:.1f}" y2="{height - 12:.1f}"/>'
    ruler += _text(MARGIN / 2, height - 18, f"{length} mm", "start")
    return _svg(width, height, name, [arm, label, ruler, *(draw(*at(place.x, place.y)) for place, draw in known)])


RULERS = (500, 200, 100, 50, 20, 10)
"""Lengths in mm of the line that tells the scale."""


def _disc(condition: str, place: Place, successes: int, trials: int) -> Drawn:
    radius = 16.0
    filled = 2 * radius * successes / trials if trials else 0.0
    rate = f" ({share(successes, trials)})" if trials else ""
    tip = f"<title>{escape(f'{condition}: {successes}/{trials}{rate}')}</title>"

    def draw(x: float, y: float) -> str:
        ring = f'<circle class="place" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'
        left, top = x + radius + 4, y + radius - filled
        level = f'<rect class="won" x="{left:.1f}" y="{top:.1f}" width="6" height="{filled:.1f}"/>'
        return f"<g>{tip}{ring}{level}{_text(x, y + 4.5, f'{successes}/{trials}', 'middle')}</g>"

    return draw


def _dot(what: str) -> Drawn:
    return lambda x, y: f'<g><title>{escape(what)}</title><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/></g>'

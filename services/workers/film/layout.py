"""Where each picture stands in a film's frame, in pixels. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GAP = 12
INSET = 0.26
"""An inset's width as a share of the main picture's."""
BETWEEN = 8
"""Pixels between two columns."""
WIDEST = 16 / 9
Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True)
class Box:
    """A rectangle; `x` and `y` are its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Column:
    """One shot's part of the frame: its own box, the main picture's, the traces' (None without), and the insets'.

    `without` are the cameras for which there is no room.
    """

    box: Box
    main: Box
    traces: Box | None
    insets: Mapping[str, Box]
    without: tuple[str, ...] = ()


def even(number: float) -> int:
    """The nearest even number, at least 2: H.264 with 4:2:0 colours takes no others."""
    return max(2, 2 * round(number / 2))


def column_size(main: Size, height: int, *, traces: bool) -> Size:
    """A column's size for a main picture of this size, shown at `height`."""
    shape = min(main[0] / main[1], WIDEST)
    return even(height * shape), even(height) + (even(height / 5) if traces else 0)


def lay_out(size: Size, number: int, cameras: Mapping[str, Size], main: str, *, traces: bool, height: int) -> Column:
    """Column `number` of a frame, counted from 0: the main picture is fitted in, the others stand at its right."""
    left = number * (size[0] + BETWEEN)
    area = Box(left, 0, size[0], even(height))
    fitted = _fit(cameras[main], area) if main in cameras else area
    insets, without, bottom = dict[str, Box](), list[str](), fitted.y + fitted.height - GAP
    for name, own in cameras.items():
        if name == main:
            continue
        width = even(fitted.width * INSET)
        tall = even(width * own[1] / own[0])
        if bottom - tall < fitted.y + 4 * GAP:
            without.append(name)
            continue
        insets[name] = Box(fitted.x + fitted.width - GAP - width, bottom - tall, width, tall)
        bottom -= tall + GAP
    strip = Box(left, area.height, size[0], size[1] - area.height) if traces else None
    return Column(Box(left, 0, *size), fitted, strip, insets, tuple(without))


def frame_size(column: Size, columns: int) -> Size:
    """The whole frame's size."""
    return even(columns * column[0] + (columns - 1) * BETWEEN), column[1]


def main_camera(cameras: Mapping[str, Size], wanted: str) -> str:
    """The camera of that name, else the one with the largest picture, the first of equals; empty without a camera."""
    if wanted in cameras:
        return wanted
    return max(cameras, key=lambda name: cameras[name][0] * cameras[name][1], default="")


def nearest(times: Sequence[float], at: float) -> int:
    """The frame whose timestamp, in seconds, is nearest to `at`; the last one afterwards."""
    from bisect import bisect_left

    after = bisect_left(times, at)
    if after in (0, len(times)):
        return min(after, len(times) - 1)
    return after if times[after] - at < at - times[after - 1] else after - 1


def _fit(own: Size, area: Box) -> Box:
    """The largest box of that shape in the middle of the area."""
    scale = min(area.width / own[0], area.height / own[1])
    width, height = min(even(own[0] * scale), area.width), min(even(own[1] * scale), area.height)
    return Box(area.x + (area.width - width) // 2, (area.height - height) // 2, width, height)

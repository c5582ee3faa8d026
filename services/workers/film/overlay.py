"""What is written and drawn over a film's pictures: captions, the clock, the verdict, the joints' traces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from services.datasets.episode_view import Trace
from services.text import clean
from services.workers.film.layout import Box
from sessions.models import Verdict

Rgb = NDArray[np.uint8]
"""(height, width, 3)."""

SHADE = 0.62
"""How dark the ground behind a text is."""
COLOURS = {Verdict.SUCCESS: (88, 214, 141), Verdict.FAILURE: (255, 99, 92), Verdict.VOID: (190, 190, 190)}
WHITE, QUIET = (255, 255, 255), (150, 150, 150)
# Okabe and Ito, Color Universal Design (2008): told apart by everybody, without black.
TRACES = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_LONGEST = 60
_LEGEND = 20
"""Pixels above the traces for the joints' names."""


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


@lru_cache(maxsize=512)
def label(text: str, size: int, colour: tuple[int, int, int] = WHITE) -> tuple[Rgb, NDArray[np.float32]]:
    """The text as a picture, and how much of what is behind it shows through: (height, width, 1) from 0 to 1."""
    text = clean(text)[:_LONGEST]
    font = _font(size)
    left, top, right, bottom = font.getbbox(text)
    pad = size // 3
    tall = sum(font.getmetrics()) + pad
    image = Image.new("L", (int(right - left) + 2 * pad, max(tall, int(bottom - top) + pad)), 0)
    ImageDraw.Draw(image).text((pad - left, pad // 2), text, font=font, fill=255)
    ink = np.asarray(image, np.float32)[:, :, None] / 255
    drawn = np.rint(ink * np.array(colour, np.float32)).astype(np.uint8)
    return drawn, np.asarray((1 - SHADE) * (1 - ink), np.float32)


def put(frame: Rgb, drawn: tuple[Rgb, NDArray[np.float32]], x: int, y: int) -> Box:
    """Lay a label over the frame, cut at the frame's edges; returns where it stands."""
    ink, through = drawn
    height, width = min(ink.shape[0], frame.shape[0] - y), min(ink.shape[1], frame.shape[1] - x)
    if height > 0 and width > 0:
        part = frame[y : y + height, x : x + width]
        part[:] = np.rint(part * through[:height, :width]).astype(np.uint8) + ink[:height, :width]
    return Box(x, y, width, height)


def edge(frame: Rgb, box: Box, colour: tuple[int, int, int], thick: int) -> None:
    """A line around the inside of the box."""
    part = frame[box.y : box.y + box.height, box.x : box.x + box.width]
    for side in (part[:thick], part[-thick:], part[:, :thick], part[:, -thick:]):
        side[:] = colour


class Traces:
    """The joints over an episode's time: what was measured in full, what was commanded faint; a line for now."""

    def __init__(self, traces: Sequence[Trace], times: Sequence[float], box: Box) -> None:
        """`times` are the frames' timestamps in seconds."""
        self._box, self._times = box, times
        self._pad = max(4, box.height // 12)
        self._image = self._draw(traces)

    def put(self, frame: Rgb, now: float) -> None:
        """Draw them into the frame, with the line at `now` seconds."""
        box = self._box
        frame[box.y : box.y + box.height, box.x : box.x + box.width] = self._image
        at = box.x + self._x(min(now, self._times[-1]))
        frame[box.y : box.y + box.height, at : at + 2] = WHITE

    def _x(self, seconds: float) -> int:
        span = max(self._times[-1] - self._times[0], 1e-9)
        wide = self._box.width - 2 * self._pad - 2
        return self._pad + round(wide * (seconds - self._times[0]) / span)

    def _draw(self, traces: Sequence[Trace]) -> Rgb:
        box, pad = self._box, self._pad
        image = Image.new("RGB", (box.width, box.height), (16, 16, 16))
        draw = ImageDraw.Draw(image)
        states = [(t.name, np.frombuffer(t.state, "<f4"), np.frombuffer(t.action, "<f4")) for t in traces]
        known = [v[np.isfinite(v)] for _, state, action in states for v in (state, action) if len(v)]
        values = np.concatenate(known) if known else np.zeros(0)
        if not len(values):
            draw.text((pad, pad), "no joints are recorded", font=_font(14), fill=QUIET)
            return np.asarray(image)
        low, high = float(values.min()), float(values.max())
        scale = (box.height - pad - _LEGEND) / max(high - low, 1e-9)

        def line(series: Any, colour: tuple[int, int, int], width: int) -> None:
            count = min(len(series), len(self._times))
            points = [
                (self._x(self._times[n]), box.height - pad - (float(series[n]) - low) * scale)
                for n in range(count)
                if np.isfinite(series[n])
            ]
            if len(points) > 1:
                draw.line(points, fill=colour, width=width)

        for number, (_, state, action) in enumerate(states):
            colour = TRACES[number % len(TRACES)]
            faint = tuple(value // 3 for value in colour)
            line(action, (faint[0], faint[1], faint[2]), 1)
            line(state, colour, 2)
        x = pad
        for number, (name, _, _) in enumerate(states):
            text = clean(name)[:24].removesuffix(".pos")
            draw.text((x, 2), text, font=_font(13), fill=TRACES[number % len(TRACES)])
            x += int(draw.textlength(text, font=_font(13))) + 10
        return np.asarray(image)

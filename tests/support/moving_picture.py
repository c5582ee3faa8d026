"""An animated SVG of what a terminal showed: frames of cells, one after the other, played by CSS alone.

A row that stays the same from frame to frame is written once. Half blocks are drawn as rectangles: as text, browsers
leave seams between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

WIDE, HIGH, BASE = 8, 17, 13
"""Pixels of a cell, and of a row's baseline below its top."""
PAPER, INK = "#0f1317", "#d5dce6"
CAPTION_HIGH = 30
BLOCKS = {" ": (0.0, 0.0), "\N{NO-BREAK SPACE}": (0.0, 0.0), "▀": (0.0, 0.5), "▄": (0.5, 1.0), "█": (0.0, 1.0)}
"""What of a cell's height a character fills, from and to."""


@dataclass(frozen=True)
class Run:
    """Neighbouring cells of one look; `x` and `width` in cells."""

    x: int
    width: int
    text: str
    ink: str
    paper: str
    bold: bool


@dataclass(frozen=True)
class Frame:
    """The rows of a screen, how long they are shown, and what is said below."""

    rows: tuple[tuple[Run, ...], ...]
    seconds: float
    caption: str


def frame(app: Any, seconds: float, caption: str) -> Frame:
    """What `app` shows now."""
    return Frame(tuple(tuple(_runs(strip)) for strip in app.screen._compositor.render_strips()), seconds, caption)


def _runs(strip: Iterable[Segment]) -> Iterator[Run]:
    x = 0
    for (ink, paper, bold), segments in groupby(strip, key=_look):
        text = "".join(segment.text for segment in segments)
        width = cell_len(text)
        yield Run(x, width, text, ink, paper, bold)
        x += width


def _look(segment: Segment) -> tuple[str, str, bool]:
    style = segment.style
    if style is None:
        return INK, PAPER, False
    ink = Color.from_rich_color(style.color).hex6 if style.color else INK
    paper = Color.from_rich_color(style.bgcolor).hex6 if style.bgcolor else PAPER
    return (paper, ink, bool(style.bold)) if style.reverse else (ink, paper, bool(style.bold))


def svg(frames: list[Frame]) -> str:
    """The whole picture, repeated for ever."""
    columns = max(run.x + run.width for frame in frames for row in frame.rows for run in row)
    lines = len(frames[0].rows)
    width, height = columns * WIDE, lines * HIGH + CAPTION_HIGH
    whole = sum(frame.seconds for frame in frames)
    rows: dict[tuple[Run, ...], str] = {}
    shown, rules, at = [], [], 0.0
    for number, one in enumerate(frames):
        uses = [
            f'<use href="#{rows.setdefault(row, f"r{len(rows)}")}" y="{y * HIGH}"/>' for y, row in enumerate(one.rows)
        ]
        caption = f'<text x="{width / 2:g}" y="{lines * HIGH + 20}" text-anchor="middle">{escape(one.caption)}</text>'
        shown.append(f'<g class="f f{number}">{"".join(uses)}{caption}</g>')
        rules.append(f".f{number}{{animation:k{number} {whole:g}s step-end infinite}}")
        rules.append(_keyframes(number, at / whole, (at + one.seconds) / whole))
        at += one.seconds
    defined = "".join(f'<g id="{name}">{"".join(map(_drawn, row))}</g>' for row, name in rows.items())
    style = (
        "text{font:13px 'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:#d5dce6}"
        ".b{font-weight:bold}.f{visibility:hidden}" + "".join(rules)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<style>{style}</style><rect width="{width}" height="{height}" fill="{PAPER}"/>'
        f"<defs>{defined}</defs>{''.join(shown)}</svg>\n"
    )


def _keyframes(number: int, begin: float, end: float) -> str:
    """Visible from `begin` to `end`, parts of the whole."""
    first = f"0%{{visibility:hidden}}{100 * begin:.3f}%{{visibility:visible}}" if begin else "0%{visibility:visible}"
    last = f"{100 * end:.3f}%{{visibility:hidden}}" if end < 1 else ""
    return f"@keyframes k{number}{{{first}{last}}}"


def _drawn(run: Run) -> str:
    x, width = run.x * WIDE, run.width * WIDE
    paper = f'<rect x="{x}" width="{width}" height="{HIGH}" fill="{run.paper}"/>' if run.paper.lower() != PAPER else ""
    if not run.text.strip():
        return paper
    if set(run.text) <= BLOCKS.keys():
        return paper + blocks(run.text, x, run.ink)
    ink = "" if run.ink.lower() == INK else f' style="fill:{run.ink}"'
    bold = ' class="b"' if run.bold else ""
    return f'{paper}<text x="{x}" y="{BASE}" textLength="{width}"{bold}{ink}>{_kept(run.text)}</text>'


def blocks(text: str, x: float, ink: str) -> str:
    """A rectangle for each stretch of equal block characters; `x` in pixels."""
    drawn = ""
    for sign, stretch in groupby(text):
        width = len(list(stretch)) * WIDE
        top, bottom = BLOCKS[sign]
        if bottom:
            place = f'x="{x:g}" y="{HIGH * top:g}" width="{width}" height="{HIGH * (bottom - top):g}"'
            drawn += f'<rect {place} fill="{ink}"/>'
        x += width
    return drawn


def _kept(text: str) -> str:
    """The text with spaces that no viewer folds."""
    return escape(text).replace(" ", "\N{NO-BREAK SPACE}")

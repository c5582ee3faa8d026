"""What a terminal shows of a console, as a picture: the bytes that would be sent, through pyte, drawn cell by cell.

Block and braille characters are drawn rather than taken from the font, so that pictures and plots look as they do in
a terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyte
from PIL import Image, ImageDraw, ImageFont
from textual._compositor import LayoutUpdate
from textual.geometry import Region

from console.screen_cells import ScreenCells

CELL = (8, 16)
BASIC = {
    "black": "000000", "red": "cd3131", "green": "0dbc79", "brown": "e5e510", "blue": "2472c8", "magenta": "bc3fbc",
    "cyan": "11a8cd", "white": "e5e5e5", "brightblack": "666666", "brightred": "f14c4c", "brightgreen": "23d18b",
    "brightbrown": "f5f543", "brightyellow": "f5f543", "brightblue": "3b8eea", "brightmagenta": "d670d6",
    "brightcyan": "29b8db", "brightwhite": "ffffff",
}  # fmt: skip
"""pyte's names of the sixteen colours."""
BRAILLE = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""(column, row) of each bit of a braille character."""
QUADRANTS = dict(zip(range(0x2596, 0x25A0), ("c", "d", "a", "acd", "ad", "abc", "abd", "b", "bc", "bcd"), strict=True))


def terminal(app: Any) -> pyte.Screen:
    """A terminal that got the whole screen of `app`, as the console sends it in the app's own colour system."""
    width, height = app.size
    whole = LayoutUpdate([[strip] for strip in app.screen._compositor.render_strips()], Region(0, 0, width, height))
    screen = pyte.Screen(width, height)
    pyte.Stream(screen).feed(ScreenCells(app.console._color_system).update(whole))
    return screen


def draw(screen: pyte.Screen) -> Image.Image:
    """The terminal's cells, 8x16 pixels each."""
    wide, high = CELL
    image = Image.new("RGB", (screen.columns * wide, screen.lines * high))
    pen = ImageDraw.Draw(image)
    fonts = {bold: _font(bold) for bold in (False, True)}
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            ink, paper = _colour(cell.fg, "e5e5e5"), _colour(cell.bg, "000000")
            if cell.reverse:
                ink, paper = paper, ink
            left, top = x * wide, y * high
            pen.rectangle((left, top, left + wide - 1, top + high - 1), fill=paper)
            if cell.data.strip():
                _glyph(pen, left, top, cell.data[0], ink, fonts[bool(cell.bold)])
            if cell.underscore:
                pen.line((left, top + high - 2, left + wide - 1, top + high - 2), fill=ink)
    return image


def _font(bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono: of the system, else the one that comes with matplotlib."""
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    try:
        return ImageFont.truetype(name, 13)
    except OSError:
        import matplotlib

        return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), 13)


def _colour(name: str, default: str) -> tuple[int, int, int]:
    code = default if name == "default" else BASIC.get(name, name)
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def _glyph(pen: ImageDraw.ImageDraw, x: int, y: int, sign: str, ink: tuple[int, int, int], font: Any) -> None:
    wide, high = CELL
    code = ord(sign)
    if code in QUADRANTS:
        for part in QUADRANTS[code]:
            a, b = {"a": (0, 0), "b": (1, 0), "c": (0, 1), "d": (1, 1)}[part]
            left, top = x + a * wide // 2, y + b * high // 2
            pen.rectangle((left, top, left + wide // 2 - 1, top + high // 2 - 1), fill=ink)
    elif code == 0x2580:
        pen.rectangle((x, y, x + wide - 1, y + high // 2 - 1), fill=ink)
    elif 0x2581 <= code <= 0x2588:
        pen.rectangle((x, y + high - (code - 0x2580) * high // 8, x + wide - 1, y + high - 1), fill=ink)
    elif 0x2589 <= code <= 0x258F:
        pen.rectangle((x, y, x + (0x2590 - code) * wide // 8 - 1, y + high - 1), fill=ink)
    elif 0x2591 <= code <= 0x2593:
        step = 0x2594 - code
        for dy in range(0, high, step):
            for dx in range(dy // step % 2, wide, 2):
                pen.point((x + dx, y + dy), fill=ink)
    elif 0x2800 <= code <= 0x28FF:
        for bit, (column, row) in enumerate(BRAILLE):
            if code - 0x2800 >> bit & 1:
                left, top = x + 1 + 4 * column, y + 1 + 4 * row
                pen.rectangle((left, top, left + 1, top + 1), fill=ink)
    else:
        pen.text((x, y), sign, font=font, fill=ink)

"""Only cells that differ are sent, and the terminal shows what a whole repaint would show."""

from __future__ import annotations

import random

import pyte
import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from console.screen_cells import ScreenCells, reduce
from screens.views.palette import nearest_256, oklab, rgb_of

WIDTH, HEIGHT, CUT = 24, 4, 9
TEXTS = ("a", "ready ", "  ", "▀", "▀▀", "日本", "e\u0301", "✓ 12", "│")
COLOURS = ("#79c98a", "#1a2129", "#ff6b6b", "#8593a5", None)
RNG = random.Random(4)


def some_strip(width: int) -> Strip:
    """A strip of exactly that width, in many styles."""
    segments: list[Segment] = []
    while Strip(segments).cell_length < width:
        style = Style(
            color=RNG.choice(COLOURS), bgcolor=RNG.choice(COLOURS), bold=RNG.random() < 0.2, reverse=RNG.random() < 0.1
        )
        segments.append(Segment(RNG.choice(TEXTS), style))
    return Strip(segments).crop(0, width)


class Shown:
    """A terminal: what it was sent, and what it shows."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # as Textual sets it: no wrapping

    def cells(self) -> list[list[tuple[str, ...]]]:
        """Character and colours of each cell; of a space only what shows, and half blocks in one form."""
        return [[self._cell(self.screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]

    def _cell(self, char: pyte.screens.Char) -> tuple[str, ...]:
        style = (str(char.bold), str(char.reverse))
        if char.data == " " and not char.bold and not char.reverse:
            return (" ", "", char.bg, *style)
        if char.data == "▄":
            return ("▀", char.bg, char.fg, *style)
        return (char.data, char.fg, char.bg, *style)


def whole(rows: list[list[Strip]]) -> LayoutUpdate:
    return LayoutUpdate(list(rows), Region(0, 0, WIDTH, HEIGHT))  # type: ignore[arg-type]


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
def test_the_terminal_shows_what_a_whole_repaint_shows(system: ColorSystem) -> None:
    cells, shown = ScreenCells(system), Shown()
    rows = [[some_strip(CUT), some_strip(WIDTH - CUT)] for _ in range(HEIGHT)]
    shown.stream.feed(cells.update(whole(rows)))
    for _ in range(60):
        y, part = RNG.randrange(HEIGHT), RNG.randrange(2)
        new = some_strip(CUT if part == 0 else WIDTH - CUT)
        if RNG.random() < 0.5:  # a few cells of it only
            new = Strip.join([rows[y][part].crop(0, 3), new.crop(3, None)])
        rows[y][part] = new
        if RNG.random() < 0.7:
            chops = [dict(zip((0, CUT), row, strict=True)) for row in rows]
            span = (y, 0, WIDTH) if part else (y, 0, CUT)
            update = ChopsUpdate(chops, [span], [[CUT, WIDTH]] * HEIGHT)
        else:
            update = whole(rows)
        shown.stream.feed(cells.update(update))
        fresh = Shown()
        fresh.stream.feed(ScreenCells(system).update(whole(rows)))
        assert shown.cells() == fresh.cells()
    assert cells.update(whole(rows)) == "", "nothing differs: nothing is sent"
    cells.forget()
    assert cells.update(whole(rows)) != ""


def test_one_cell_that_changes_costs_a_few_bytes() -> None:
    grey = Style(color="#8593a5", bgcolor="#0f1317")

    def row(text: str) -> LayoutUpdate:
        return whole([[Strip([Segment(text.ljust(WIDTH), grey)])] for _ in range(HEIGHT)])

    cells = ScreenCells(ColorSystem.EIGHT_BIT)
    cells.update(row("12.4 s of 15"))
    assert len(cells.update(row("12.5 s of 15"))) <= HEIGHT * 14 + 24


def test_no_control_character_is_sent() -> None:
    evil = "ok\x1b]52;c;SEFDSw==\x07\x9b?7777h\u202eend"
    sent = ScreenCells(ColorSystem.TRUECOLOR).update(whole([[Strip([Segment(evil)])]]))
    assert "ok]52;c;SEFDSw==?7777hend" in sent
    assert not {"\x07", "\x9b", "\u202e"} & set(sent)


def test_bluish_greys_stay_greys_in_256_colours() -> None:
    from console.theme import LAB_DARK

    named = {name: value for name, value in vars(LAB_DARK).items() if isinstance(value, str) and value.startswith("#")}
    named |= {name: value for name, value in LAB_DARK.variables.items() if len(value) == 7}
    assert len(named) > 15
    for name, value in named.items():
        colour = Style(color=value).color
        assert colour is not None and colour.triplet is not None
        _, a, b = oklab(*colour.triplet)
        number = reduce(colour, ColorSystem.EIGHT_BIT).number
        assert number is not None
        red, green, blue = rgb_of(number)
        if a * a + b * b < 0.04**2:
            assert red == green == blue, f"{name} {value} would be {number}"
        else:
            assert not red == green == blue, f"{name} {value} would be {number}"


@pytest.mark.parametrize("rgb", [(128, 128, 130), (133, 147, 165), (58, 70, 84), (96, 90, 88), (200, 205, 190)])
def test_what_is_nearly_grey_becomes_a_grey_of_the_same_lightness(rgb: tuple[int, int, int]) -> None:
    red, green, blue = rgb_of(nearest_256(*rgb))
    assert red == green == blue
    assert abs(red - sum(rgb) / 3) < 10


def test_colours_stay_colours() -> None:
    assert nearest_256(250, 10, 10) == 196
    red, green, blue = rgb_of(nearest_256(200, 180, 60))  # yellow, no olive
    assert red >= 175 and green >= 175 and blue <= 95

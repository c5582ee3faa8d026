"""Plots under any sequence of resizes, zooms, cursors, growing data and toggles: nothing raises, nothing is outside."""

from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from screens.widgets import plot as plot_module
from screens.widgets.plot import Figure, Overlay, Plot
from screens.widgets.plotting import RUNS, Ink, Series, draw
from tests.screens.widgets.test_plot import OnePlot

VALUES = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(1e-9, 10))
STEPS = st.one_of(
    st.tuples(st.just("resize"), st.integers(1, 130), st.integers(1, 40)),
    st.tuples(st.just("cursor"), st.one_of(st.none(), st.floats(-50, 900))),
    st.tuples(st.just("grow"), st.lists(VALUES, min_size=1, max_size=40)),
    st.tuples(st.just("window"), st.one_of(st.none(), st.tuples(st.floats(-10, 500), st.floats(0, 500)))),
    st.tuples(st.just("log")), st.tuples(st.just("other run")), st.tuples(st.just("hide")), st.tuples(st.just("drawn")),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(VALUES, max_size=50), min_size=1, max_size=4), st.integers(1, 130), st.integers(1, 40),
    st.booleans(), st.booleans(), st.one_of(st.none(), st.tuples(st.floats(-10, 90), st.floats(-10, 90))),
)  # fmt: skip
def test_no_value_no_size_and_no_window_breaks_a_drawing(columns, width, height, log, unicode, window):
    lines = [
        Series(np.arange(len(y)) * (n + 1), np.array(y), ink)
        for n, (y, ink) in enumerate(zip(columns, RUNS, strict=False))
    ]
    drawing = draw(lines, [3.0], width=width, height=height, log=log, unicode=unicode, window=window)
    assert len(drawing.rows) in (0, height)
    assert {row.cell_length for row in drawing.rows} <= {width}
    assert unicode or all(row.plain.isascii() for row in drawing.rows)
    for x in (-1e300, 0.0, 7.0, 1e300):
        assert (column := drawing.column(x)) is None or drawing.left <= column < width


class Walk:
    """A plot, what it shows, and the operator's hands."""

    def __init__(self, pilot, plot: Plot) -> None:
        self.pilot, self.plot = pilot, plot
        self.values, self.run, self.log, self.window, self.cursor = [1.0, 2.0], 0, False, None, None

    async def do(self, step) -> None:
        what, *more = step
        if what == "resize":
            await self.pilot.resize_terminal(*more)
        elif what == "hide":
            self.plot.display = not self.plot.display
        elif what == "drawn":
            for _ in range(3):
                await self.pilot.pause(0.005)
        else:
            await self.change(what, *more)
        self.show()
        self.paint()

    async def change(self, what, *more) -> None:
        match what:
            case "cursor":
                self.cursor = more[0]
            case "grow":
                self.values += more[0]
            case "window":
                self.window = more[0]
            case "log":
                self.log = not self.log
            case "other run":
                self.run, self.values = self.run + 1, self.values[:1]

    def show(self) -> None:
        x = np.arange(len(self.values)) * 3
        lines = (Series(x, np.array(self.values), Ink.RAW), Series(x, np.array(self.values), Ink.MEAN))
        figure = Figure(self.run, len(self.values), lines, (6.0,), self.log, "later", self.window)
        self.plot.show(figure, Overlay(self.cursor, (3.0, 30.0, 600.0), 30.0))

    def paint(self) -> None:
        """Every row as the terminal gets it, also in the middle of a drawing."""
        width, height = self.plot.size
        for y in range(height):
            assert self.plot.render_line(y).cell_length == width


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=10, max_size=40))
def test_no_sequence_of_changes_breaks_a_plot(steps):
    async def walk() -> None:
        app = OnePlot()
        async with app.run_test(size=(60, 20)) as pilot:
            walker = Walk(pilot, app.query_one(Plot))
            for step in steps:
                await walker.do(step)
            assert app._exception is None

    before, plot_module.EVERY_S = plot_module.EVERY_S, 0.0
    try:
        asyncio.run(walk())
    finally:
        plot_module.EVERY_S = before


async def test_a_plot_that_shrank_paints_its_old_drawing_with_the_cursor_beyond_its_edge():
    app = OnePlot()
    async with app.run_test(size=(80, 20)) as pilot:
        plot = app.query_one(Plot)
        walker = Walk(pilot, plot)
        walker.values = [1.0] * 100
        walker.cursor = 297.0
        walker.show()
        while not plot.drawn:
            await pilot.pause(0.01)
        plot._busy = True  # the next drawing takes long
        await pilot.resize_terminal(30, 8)
        assert plot.size.width == 30 and plot._drawing.right == 80
        walker.paint()

"""Plots: ticks, what is masked, gaps, marks, the ASCII form; the widget's cache and its pace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from textual.app import App

from console.theme import LAB_DARK
from screens.views.signs import ASCII, UNICODE, use_signs
from screens.widgets import axis_ticks
from screens.widgets import plot as plot_module
from screens.widgets.plot import Figure, Plot
from screens.widgets.plotting import Drawing, Ink, Series, draw
from services import units


def series(y, ink=Ink.LINE, first=0):
    values = np.asarray(y, dtype=np.float64)
    return Series(np.arange(first, first + len(values)), values, ink)


def drawn(*lines, marks=(), width=60, height=14, log=False, unicode=True):
    return draw(lines, marks, width=width, height=height, log=log, unicode=unicode)


def plain(drawing):
    return "\n".join(row.plain for row in drawing.rows)


@pytest.mark.parametrize(
    "low, high, most, expected",
    [(0, 8200, 5, [0, 2000, 4000, 6000, 8000]), (0.1, 3.9, 5, [1, 2, 3]), (-1, 1, 3, [-1, 0, 1]), (2, 2, 5, [2])],
)
def test_linear_ticks_are_round(low, high, most, expected):
    assert axis_ticks.linear(low, high, most) == expected


def test_log_ticks_are_decades_and_round_values_where_there_are_few():
    assert axis_ticks.decades(-5, 0, 6) == [-5, -4, -3, -2, -1, 0]
    assert axis_ticks.decades(-30, 30, 5) == [-30, -17, -4, 9, 22]
    fine = [round(10**at, 6) for at in axis_ticks.decades(-0.1, 1.1, 6)]
    assert fine == [1, 3, 10] or fine == [1, 2, 5, 10]


@pytest.mark.parametrize(
    "value, text",
    [
        (0.0412, "0.0412"),
        (9.7e-05, "9.7e-5"),
        (1e-4, "1e-4"),
        (0, "0"),
        (35.25, "35.2"),
        (12345, "12345"),
        (2e30, "2e30"),
    ],
)
def test_values_are_short(value, text):
    assert units.value(value) == text


def test_steps_are_short():
    assert [axis_ticks.step_label(s) for s in (0, 500, 2000, 2500, 12_500, 1_500_000, 7.5)] == [
        "0", "500", "2k", "2.5k", "12.5k", "1.5M", "7.5",
    ]  # fmt: skip


def test_a_plot_fills_its_size_and_carries_its_ticks():
    drawing = drawn(series(np.linspace(0, 4, 500)))
    assert len(drawing.rows) == 14 and {row.cell_length for row in drawing.rows} == {60}
    assert "4┤" in plain(drawing) and "200" in drawing.rows[-1].plain
    assert drawing.column(0) == drawing.left and drawing.column(499) == 59
    assert drawing.column(-1) is None and drawing.column(500) is None


def test_what_is_not_finite_leaves_a_gap_and_a_mark():
    y = np.ones(100)
    y[40:60] = np.nan
    drawing = drawn(series(y), marks=[40.0])
    line = next(row.plain for row in drawing.rows if "⣀" in row.plain)
    assert line[drawing.left :].count("⣀") > 40 and "    " in line[drawing.column(45) : drawing.column(55)]
    assert all(row.plain[drawing.column(40)] in "│⡀" for row in drawing.rows[:-2])


def test_a_mark_after_the_last_point_that_can_be_drawn_is_seen():
    drawing = drawn(series([1, 2, 3, np.nan, np.nan]), marks=[3.0])
    assert sum("│" in row.plain[drawing.left :] for row in drawing.rows) > 8
    assert drawing.high == 4


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("y", [[], [np.nan] * 5, [0.0, -1.0], [np.inf, -np.inf]])
def test_nothing_to_draw_is_an_empty_drawing_or_a_plain_line(y, log):
    drawing = drawn(series(y), log=log)
    assert drawing == Drawing() or (not log and len(drawing.rows) == 14)


def test_a_log_axis_drops_what_is_not_positive():
    drawing = drawn(series([0.0, -3.0, 1e-4, 1e-2, 1.0]), log=True)
    assert "1e-4" in plain(drawing) and "1┤" in plain(drawing)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(allow_nan=True, allow_infinity=True)),
       st.booleans(), st.integers(1, 90), st.integers(1, 25))  # fmt: skip
def test_no_value_and_no_size_breaks_a_plot(y, log, width, height):
    drawing = draw([series(y)], [3.0], width=width, height=height, log=log, unicode=True)
    assert len(drawing.rows) in (0, height)
    assert {row.cell_length for row in drawing.rows} <= {width}


def test_many_gaps_are_drawn_as_points():
    y = np.ones(1000)
    y[::2] = np.nan
    assert any("⠀" < c <= "⣿" for c in plain(drawn(series(y), width=600)))


def test_without_unicode_everything_is_ascii():
    drawing = drawn(series(np.arange(50), Ink.RAW), series(np.arange(50), Ink.MEAN), marks=[20.0], unicode=False)
    assert plain(drawing).isascii() and "o" in plain(drawing)


def test_the_mean_has_another_shape_than_the_raw_line():
    text = plain(drawn(series(np.arange(50), Ink.RAW), series(np.full(50, 25), Ink.MEAN)))
    assert any("⠀" < c <= "⣿" for c in text) and any("▀" <= c <= "▟" for c in text)


# -- the widget -------------------------------------------------------------------------------------


class OnePlot(App):
    def __init__(self):
        super().__init__()
        self.register_theme(LAB_DARK)
        self.theme = LAB_DARK.name

    def compose(self):
        yield Plot(id="plot")


async def settled(pilot, plot, count):
    for _ in range(300):
        await pilot.pause(0.01)
        if plot.drawn >= count and not plot._busy:
            return
    raise AssertionError(f"drawn {plot.drawn} times")


def figure(version=1, log=False, points=50):
    return Figure("run", version, (series(np.arange(1, points + 1)),), (), log, "appears later")


async def test_a_drawing_is_kept_until_something_changes():
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.show(figure())
        await settled(pilot, plot, 1)
        for _ in range(5):
            plot.show(figure())
        plot.show(figure(), cursor=20.0)
        await pilot.pause(0.05)
        assert plot.drawn == 1
        plot.show(figure(log=True))
        await settled(pilot, plot, 2)
        await pilot.resize_terminal(80, 24)
        await settled(pilot, plot, 3)


async def test_new_points_alone_are_drawn_once_a_second(monkeypatch):
    monkeypatch.setattr(plot_module, "EVERY_S", 0.3)
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.show(figure())
        await settled(pilot, plot, 1)
        first = plot._drawn_at
        for version in range(2, 30):
            plot.show(figure(version))
            await pilot.pause(0)
        await settled(pilot, plot, 2)
        assert plot._drawn_at - first >= 0.25
        await pilot.pause(0.4)
        assert plot.drawn == 2


async def test_a_hidden_plot_draws_nothing():
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.display = False
        await pilot.pause()
        plot.show(figure())
        await pilot.pause(0.1)
        assert plot.drawn == 0


async def test_the_cursor_is_one_column_in_reverse():
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.show(figure(), cursor=25.0)
        await settled(pilot, plot, 1)
        row = plot.render_line(5)
        at = [n for segment, n in zip(row, starts(row), strict=True) if segment.style and segment.style.reverse]
        assert at == [plot._drawing.column(25.0)] and row.cell_length == 60


def starts(row):
    places, at = [], 0
    for segment in row:
        places.append(at)
        at += segment.cell_length
    return places


async def test_an_empty_plot_says_what_will_be_there():
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.show(Figure(placeholder="appears after step 10"))
        await pilot.pause()
        assert "appears after step 10" in plot.render_line(10).text
        assert plot.text == "appears after step 10"


async def test_ascii_is_drawn_where_the_terminal_wants_it():
    use_signs(ASCII)
    try:
        app = OnePlot()
        async with app.run_test(size=(60, 20)) as pilot:
            plot = app.query_one(Plot)
            plot.show(figure())
            await settled(pilot, plot, 1)
            assert plot.text.isascii()
    finally:
        use_signs(UNICODE)

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
from screens.widgets.plot import Figure, Overlay, Plot
from screens.widgets.plotting import GRID, RUNS, STROKES, Drawing, Ink, Series, draw, sample
from services import units


def series(y, ink=Ink.LINE, first=0):
    values = np.asarray(y, dtype=np.float64)
    return Series(np.arange(first, first + len(values)), values, ink)


def drawn(*lines, marks=(), width=60, height=14, log=False, unicode=True, window=None):
    return draw(lines, marks, width=width, height=height, log=log, unicode=unicode, window=window)


def dots(text):
    """Cells of braille."""
    return sum("⠀" < sign <= "⣿" for sign in text)


def plain(drawing):
    return "\n".join(row.plain for row in drawing.rows)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    ("values", "label"),
    [([1e-5] * 9, "1e-5"), ([1e-5, 1e-5 + 1e-12] * 5, "1e-5"), ([0.25] * 3, "0.25"), ([120_000.0] * 3, "1.2e5")],
)
def test_a_value_that_never_changes_has_one_label_and_its_line_in_the_middle(values, label, log):
    rows = plain(drawn(series(values), log=log)).splitlines()
    labels = [row.partition("┤")[0].strip() for row in rows if "┤" in row]
    assert labels == [label]
    (middle,) = [at for at, row in enumerate(rows) if dots(row)]
    assert "┤" in rows[middle] and abs(middle - (len(rows) - 2) / 2) <= 1


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
        (1.0, "1.00"),
        (0.5, "0.500"),
        (100, "100"),
        (250.4, "250"),
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
    drawing = drawn(series(y), marks=[39.0])
    line = next(row.plain for row in drawing.rows if dots(row.plain) > 30)
    gap = line[drawing.column(40) + 1 : drawing.column(60)]
    assert dots(line) > 40 and len(gap) > 9 and not dots(gap)
    mark = "".join(row.plain[drawing.column(39)] for row in drawing.rows[:-2])
    assert mark.count("╎") == len(mark) - 1 and dots(mark) == 1, "the line's end stays"


def test_a_mark_after_the_last_point_that_can_be_drawn_is_seen():
    drawing = drawn(series([1, 2, 3, np.nan, np.nan]), marks=[3.0])
    assert sum("╎" in row.plain[drawing.left :] for row in drawing.rows) > 8
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


def test_points_between_gaps_are_drawn():
    y = np.ones(1000)
    y[::2] = np.nan
    assert dots(plain(drawn(series(y), width=600))) == 500


def test_without_unicode_everything_is_ascii():
    drawing = drawn(series(np.arange(50), Ink.RAW), series(np.arange(50), Ink.MEAN), marks=[20.0], unicode=False)
    assert plain(drawing).isascii() and "o" in plain(drawing)


def test_every_line_is_braille_and_the_mean_covers_the_raw_line():
    drawing = drawn(series(np.arange(50), Ink.RAW), series(np.full(50, 25), Ink.MEAN))
    text = plain(drawing)
    assert dots(text) > 50 and not any("▀" <= c <= "▟" for c in text)
    crossing = [span for row in drawing.rows for span in row.spans if span.style == STROKES[Ink.MEAN].style]
    assert crossing, "the mean has its own style"


def test_runs_differ_in_dashes_and_in_ascii_in_letters():
    lines = [series(np.full(400, 1.0 + n), ink) for n, ink in enumerate(RUNS)]
    rows = [row.plain for row in drawn(*lines, height=30).rows if dots(row.plain) > 20]
    assert len(rows) == len(RUNS) and len({dots(row) for row in rows}) > 1
    ascii_rows = plain(drawn(*lines, height=30, unicode=False))
    assert all(STROKES[ink].letter in ascii_rows for ink in RUNS)
    assert len({sample(ink, unicode=True) for ink in RUNS}) == len(RUNS)


def test_a_window_shows_the_part_between_its_ends_with_its_own_limits():
    y = np.concatenate([np.full(100, 50.0), np.linspace(1, 2, 100)])
    drawing = drawn(series(y), window=(100.0, 199.0))
    assert (drawing.low, drawing.high) == (100.0, 199.0) and "2.0┤" in plain(drawing)
    row = next(row.plain for row in drawing.rows if dots(row.plain))
    assert row and drawing.column(99.0) is None
    between = drawn(series([0.0, 10.0], first=0), window=(0.25, 0.75))
    assert dots(plain(between)) > 20, "the line between two points outside the window"
    assert drawn(series(np.ones(10)), window=(50.0, 60.0)) == Drawing()


def test_the_x_axis_says_what_it_counts_and_the_grid_is_faint():
    drawing = drawn(series(np.linspace(0, 4, 500)))
    assert "step" in drawing.rows[-1].plain and "┊" in plain(drawing)
    styles = {span.style for span in drawing.rows[1].spans}
    assert GRID in styles


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
        plot.show(figure(), Overlay(20.0, (10.0,)))
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


async def test_the_cursor_is_a_thin_line_and_checkpoints_are_marks_on_the_axis():
    app = OnePlot()
    async with app.run_test(size=(60, 20)) as pilot:
        plot = app.query_one(Plot)
        plot.show(figure(), Overlay(25.0, (10.0, 30.0, 40.0, 900.0), 30.0))
        await settled(pilot, plot, 1)
        at = plot._drawing.column(25.0)
        column = "".join(plot.render_line(y).text[at] for y in range(18))
        assert column.count("│") > 15 and dots(column) >= 1, "the line's dots stay"
        axis = plot.render_line(18).text
        places = {sign: [n for n, other in enumerate(axis) if other == sign] for sign in "△▲"}
        assert places == {
            "△": [plot._drawing.column(10.0), plot._drawing.column(40.0)],
            "▲": [plot._drawing.column(30.0)],
        }
        drawn_before = plot.drawn
        plot.show(figure(), Overlay(25.0, (10.0, 30.0, 40.0), 10.0))
        assert plot.render_line(18).text.count("▲") == 1 and plot.drawn == drawn_before


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

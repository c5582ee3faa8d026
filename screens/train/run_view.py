"""A training as Train shows it: lines at the top, the lists, the plots, the log lines of a dead worker, two panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.desk.run_shelf import RunShelf
from screens.train import plots, sight
from screens.train.axis import Axis, positions, scale, timed
from screens.train.boxes import PanelLines, PlotBox
from screens.train.lists import CheckpointsPanel, RunsPanel
from screens.train.sight import RunLine, Sight
from screens.views import keys, metric_names, training_panels
from screens.views import training as training_view
from screens.views.run_rows import legend, short_legend
from screens.views.shown_run import ShownRun
from screens.widgets.ascii import fitting
from screens.widgets.line import Line, Lines
from screens.widgets.plot import Overlay, Plot
from screens.widgets.titles import set_titles
from services.live.snapshots import Snapshot
from services.tone import Tone
from sessions.facts import CheckpointSaved

LOW = 14
"""Rows below which the legend takes two."""


class Face(StrEnum):
    """What a small terminal shows."""

    CURVES = "curves"
    LISTS = "lists"
    NUMBERS = "numbers"


class RunView(Vertical):
    """Draws what the shelf shows. `compact`: there is room for one plot, or the lists, or the numbers."""

    def __init__(self, shelf: RunShelf) -> None:
        super().__init__(id="run")
        self._shelf = shelf
        self._now = 0.0
        self._compact = False
        self._large = ""
        self._face = Face.CURVES
        self._sight = Sight()
        self._walks = "runs"
        self._drawn_run = ""
        self._shown_last_lines: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Line(id="headline")
        yield Line(id="progress-bar")
        yield Line(id="underline")
        with Horizontal(id="middle"):
            with Vertical(id="side"):
                yield RunsPanel()
                yield CheckpointsPanel()
            with Vertical(id="curves"):
                yield Lines(id="legend")
                with Vertical(id="plots"):
                    main, *others = map(PlotBox, plots.ids())
                    yield main.add_class("-main")
                    yield Horizontal(*others, id="beside")
                with VerticalScroll(id="words", classes="panel", can_focus=False):
                    yield Static("", id="words-text", markup=False)
                with Horizontal(id="panels"):
                    yield Container(PanelLines(id="speed-lines"), id="speed", classes="panel")
                    yield Container(PanelLines(id="data-lines"), id="data", classes="panel")

    def on_mount(self) -> None:
        for panel, title in (("speed", "speed"), ("data", "data"), ("words", "the worker's last words")):
            self.query_one(f"#{panel}").border_title = title

    # --- drawing --------------------------------------------------------------------------------

    def draw(self, *, now: float, compact: bool) -> None:
        """Draw everything; an unchanged plot is not drawn again."""
        self._now, self._compact = now, compact
        run = self._shelf.shown
        if run.id != self._drawn_run:
            self._begin(run)
        self.set_class(self._dead(run), "-crashed")
        over = run.exists and not run.live
        self.set_class(over and training_view.state(run).tone not in (Tone.SUCCESS, Tone.QUIET), "-failed")
        for face in (Face.LISTS, Face.NUMBERS):
            self.set_class(compact and self._face is face, f"-{face.value}")
        self.tick(now)
        self._draw_panels(run)
        self._draw_plots(run)  # after the list, whose chosen checkpoint they mark
        self._draw_words(run)

    def _begin(self, run: ShownRun) -> None:
        """Another run is shown: the newest checkpoint, all steps; the cursor stays at its step."""
        self._drawn_run = run.id
        self._sight = replace(self._sight, cursor=self._sight.cursor if self.lines else None, window=None, last=None)
        self.query_one(CheckpointsPanel).reset()

    def _draw_words(self, run: ShownRun) -> None:
        """Scroll to the newest line at the bottom, but only once, so that the operator can scroll."""
        if run.last_lines != self._shown_last_lines:
            self._shown_last_lines = run.last_lines
            self.query_one("#words-text", Static).update(Content("\n".join(self._shown_last_lines)))
            self.query_one("#words", VerticalScroll).scroll_end(animate=False)

    @property
    def _main(self) -> str:
        """The largest plot, and the only one of a small terminal."""
        return plots.PLOTS[0].id

    @staticmethod
    def _dead(run: ShownRun) -> bool:
        """Whether there are log lines of a dead worker to show."""
        return bool(run.last_lines) and not run.live

    @property
    def lines(self) -> list[RunLine]:
        """The runs that are drawn, the one that is shown first."""
        return run_lines(self._shelf, self._sight.axis)

    def _newest(self, run: ShownRun) -> Snapshot:
        return training_view.caught_up(run.snapshot, run.curves.reading(-1) if run.curves is not None else None)

    def tick(self, now: float) -> None:
        """Update the lines at the top, which include times."""
        run, width = self._shelf.shown, max(20, self.size.width - 4)
        first, second = (Content.styled(text, "$quiet") for text in training_view.empty())
        bar = Content("")
        if run.exists:
            run = _with(run, self._newest(run))
            pace = run.curves.pace() if run.curves is not None else 0.0
            first = training_view.headline(run, now=now, width=width, pace=pace)
            bar = training_view.progress(run, width)
            rows = 2 if self.has_class("-failed") else 1
            second = training_view.underline(run, now=now, width=width, height=rows)
        self.query_one("#headline", Line).show(first)
        self.query_one("#progress-bar", Line).show(bar)
        self.query_one("#underline", Line).show(second)

    def _draw_plots(self, run: ShownRun) -> None:
        """Draw the visible plots."""
        lines, large = self.lines, self._large or (self._main if self._compact else "")
        self._sight = sight.followed(lines, self._sight)
        self.set_class(bool(self._sight.more), "-further")
        self.set_class(bool(large), "-zoomed")
        self.set_class(bool(self._large), "-plotted")
        self.set_class(large == self._main, "-main-large")
        self._draw_legend(lines)
        chosen = self.query_one(CheckpointsPanel).chosen
        saved = run.snapshot.training.checkpoints if run.snapshot.training else ()
        first = lines[0] if lines and lines[0].id == run.id else None
        stations = tuple(first.place(float(one.step)) for one in saved) if first else ()
        over = Overlay(
            self._sight.cursor, stations, first.place(float(chosen.step)) if first and chosen else None,
            tuple(first.place(float(cut.step)) for cut in first.curves.resumed) if first else (),
        )  # fmt: skip
        for spec in plots.drawn(self._sight):
            box = self.query_one(f"#{spec.id}-box")
            box.set_class(spec.id == large, "-large")
            room = max(0, box.size.width - 4)
            title = plots.title(first, spec, self._sight, width=room, several=len(lines) > 1)
            subtitle = plots.subtitle(lines, spec, self._sight)
            set_titles(box, fitting(box, title), fitting(box, subtitle))
            if not large or spec.id == large:
                figure = plots.figure(lines, spec, self._sight, placeholder=self._empty(run, lines))
                self.query_one(f"#{spec.id}", Plot).show(figure, over)

    def _draw_legend(self, lines: Sequence[RunLine]) -> None:
        """The overlaid runs with their values; nothing while there is only one."""
        widget = self.query_one("#legend", Lines)
        rows = []
        if len(lines) > 1:
            specs, width = plots.drawn(self._sight), max(20, widget.size.width)
            reads, titles = plots.reads(lines, specs, self._sight.cursor), plots.read_titles(lines, specs)
            rows = short_legend(reads, width) if self.size.height < LOW else legend(reads, titles, width)
        if widget.styles.height is None or widget.styles.height.value != len(rows):
            widget.styles.height = len(rows)
        widget.show(rows)

    def _empty(self, run: ShownRun, lines: Sequence[RunLine]) -> str:
        if run.curves is not None and len(run.curves) and not lines:
            return f"{self._sight.axis.value} not recorded: {keys.AXIS} shows steps"
        if run.watched is not None:
            return "the first log point appears here" if run.live else "no point was logged"
        if run.foreign:
            return "no curves: this folder holds no metrics.jsonl"
        if not run.live:
            return "no point was logged" if run.exists else ""
        training = run.snapshot.training
        return f"appears after step {training.started.log_freq:,}" if training else "appears when the training runs"

    def _draw_panels(self, run: ShownRun) -> None:
        caught_up = _with(run, self._newest(run))
        for name, rows in (("speed", training_panels.speed), ("data", None)):
            lines = self.query_one(f"#{name}-lines", Lines)
            width = max(16, lines.size.width or 34)
            lines.show(rows(caught_up, width) if rows else training_panels.data(caught_up, width, self._now))
        shelf = self._shelf
        self.query_one(RunsPanel).show(
            shelf.runs, live=shelf.watched if shelf.watching else "", shown=run.id, samples=plots.samples(self.lines),
            now=self._now, empty=_no_runs(shelf),
        )  # fmt: skip
        self.query_one(CheckpointsPanel).show(run, self._now)
        self._mark_lists()

    def _mark_lists(self) -> None:
        self.query_one(RunsPanel).mark(walked=self._walks == "runs")
        self.query_one(CheckpointsPanel).mark(walked=self._walks == "checkpoints")

    def on_resize(self) -> None:
        """Lay out tables anew once the panels have their size."""
        self.call_after_refresh(self._redraw_sized)

    def on_panel_lines_sized(self, message: PanelLines.Sized) -> None:
        message.stop()
        self._redraw_sized()

    def on_plot_box_sized(self, message: PlotBox.Sized) -> None:
        message.stop()
        if self._now:
            self._draw_plots(self._shelf.shown)

    def _redraw_sized(self) -> None:
        if self.is_mounted and self._now:
            self._draw_panels(self._shelf.shown)
            self._draw_legend(self.lines)

    # --- changed by keys ------------------------------------------------------------------------

    @property
    def sight(self) -> Sight:
        """How the plots are looked at."""
        return self._sight

    @property
    def lists_seen(self) -> bool:
        """Whether the lists are on the screen, so that keys can walk through them."""
        return self._face is Face.LISTS if self._compact else not self._large

    @property
    def chosen(self) -> CheckpointSaved | None:
        """The checkpoint at the cursor; the newest until another is chosen."""
        return self.query_one(CheckpointsPanel).chosen

    @property
    def chosen_run(self) -> str:
        """The id of the run at the cursor; empty without one."""
        run = self.query_one(RunsPanel).chosen
        return run.id if run is not None else ""

    def walk(self, by: int) -> None:
        """Move in the marked list; while a plot is large, narrow (up) or widen (down) the range of steps."""
        if not self.lists_seen:
            self._sight = sight.zoomed(self.lines, self._sight, -by)
        elif self._walks == "runs":
            self.query_one(RunsPanel).move(by)
        else:
            self.query_one(CheckpointsPanel).move(by)

    def other_list(self) -> None:
        """Mark the other list."""
        self._walks = "runs" if self._walks == "checkpoints" else "checkpoints"
        self._mark_lists()

    def opened(self) -> None:
        """A run was opened from the list: a small terminal shows its curves."""
        self._face = Face.CURVES

    def begin(self) -> None:
        """Reset cursor, choice and zoom for a new training."""
        self._large, self._face = "", Face.CURVES
        self._sight = replace(self._sight, cursor=None, window=None, last=None)
        self.query_one(RunsPanel).choose("")

    def turn(self) -> None:
        """In a small terminal: the curves, the lists, the numbers."""
        faces = list(Face)
        self._face, self._large = faces[(faces.index(self._face) + 1) % len(faces)], ""

    def zoom(self) -> None:
        """Enlarge the next plot; after the last, show all (or what comes first in a small terminal)."""
        self._face = Face.CURVES
        order = ("", *(spec.id for spec in plots.drawn(self._sight)))
        first = self._main if self._compact and not self._dead(self._shelf.shown) else ""
        self._large = order[(order.index(self._large or first) + 1) % len(order)]

    def switch_log(self) -> None:
        """Toggle logarithmic axes."""
        self._sight = replace(self._sight, log=not self._sight.log)

    def turn_axis(self) -> None:
        """Draw over the next axis."""
        before, axis = self.lines, self._sight.axis.next
        self._sight = sight.turned(before, self._sight, axis, run_lines(self._shelf, axis))

    def whole_range(self) -> None:
        """Show all steps."""
        self._sight = replace(self._sight, window=None, last=None)

    def show_range(self, text: str) -> None:
        """Show the range that was typed. Raises ValueError if it is none."""
        self._sight = sight.ranged(self.lines, self._sight, text)

    @property
    def reach(self) -> tuple[str, str]:
        """What the x axis counts, and from where to where the curves reach."""
        axis, ends = self._sight.axis, sight.whole(self.lines)
        digits = 2 if axis in (Axis.HOURS, Axis.EPOCHS) else 0
        name = "steps" if axis is Axis.STEP else axis.value
        return name, "nowhere yet" if ends is None else f"from {ends[0]:,.{digits}f} to {ends[1]:,.{digits}f}"

    @property
    def offered(self) -> list[tuple[str, str]]:
        """The further metrics that the runs that are drawn have logged, with the newest value of the first run."""
        lines = self.lines
        newest = lines[0].curves.reading(-1) if lines else None
        values = newest.values if newest is not None else {}
        return [
            (name, metric_names.shown(name, values[name]) if name in values else "")
            for name in metric_names.offered(plots.logged_by(lines))
        ]

    def draw_further(self, metric: str) -> None:
        """Draw a further metric besides, or none; where there is room for one plot, large."""
        self._sight = replace(self._sight, more=metric)
        if self._compact and metric:
            self._face, self._large = Face.CURVES, plots.MORE
        elif self._large == plots.MORE:
            self._large = ""

    def read_off(self, by: int, columns: int = 0) -> None:
        """Move the cursor by columns of the enlarged plot, or of one with so many."""
        columns = columns or self.query_one(f"#{self._large or self._main}", Plot).columns
        self._sight = sight.moved(self.lines, self._sight, by, columns)

    def close(self) -> None:
        """Remove the cursor; else show all steps; else close the enlarged plot, lists and numbers."""
        if self._sight.cursor is not None:
            self._sight = replace(self._sight, cursor=None)
        elif self._sight.window is not None:
            self.whole_range()
        else:
            self._large, self._face = "", Face.CURVES


def run_lines(shelf: RunShelf, axis: Axis) -> list[RunLine]:
    """The runs that are drawn over this axis, the one that is shown first; without those that it is not known of."""
    run = shelf.shown
    found = [] if run.curves is None else [
        (run.id, training_view.name(run.snapshot, run.asked), run.curves,
         scale(run.snapshot.training, run.snapshot.ended))
    ]  # fmt: skip
    known = {held.run.id: held.training for held in shelf.held()}
    for other, curves in shelf.beside:
        ended = other.session.ended if other.session else None
        found.append((other.id, other.name, curves, scale(known.get(other.id), ended)))
    if axis is Axis.STEP:
        return [RunLine(id, name, curves) for id, name, curves, _ in found]
    lines = []
    for id, name, curves, by in found:
        if (at := positions(curves, axis, by)) is not None:
            lines.append(RunLine(id, name, curves, at, by_mean=axis is Axis.HOURS and not timed(curves, by)))
    return lines


def _with(run: ShownRun, snapshot: Snapshot) -> ShownRun:
    """The run in this state."""
    return replace(run, snapshot=snapshot)


def _no_runs(shelf: RunShelf) -> str:
    if shelf.problem:
        return shelf.problem
    return f"none yet: {keys.NEW_TRAINING} begins one" if shelf.listed else "reading the log"

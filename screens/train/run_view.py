"""One training as Train shows it: two lines, the plots, the log lines of a dead worker, three panels."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.desk.training_watch import TrainingWatch
from screens.train import plots
from screens.views import training as training_view
from screens.widgets.line import Line, Lines
from screens.widgets.plot import Plot
from screens.widgets.rows import RowList
from services.live.snapshots import Snapshot
from sessions.facts import CheckpointSaved
from sessions.models import SessionStatus


class RunView(Vertical):
    """Draws the state of the watch. `compact`: there is room for one plot, or the log lines, or the panels."""

    def __init__(self, watch: TrainingWatch) -> None:
        super().__init__(id="run")
        self._watch = watch
        self._compact = self._log = False
        self._large = ""
        self._at: int | None = None
        self._chosen = ""
        self._shown_last_lines: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Line(id="headline")
        yield Line(id="underline")
        with Horizontal(id="plots"):
            main, *others = map(_plot_box, plots.PLOTS)
            yield main.add_class("-main")
            yield Vertical(*others, id="beside")
        with VerticalScroll(id="words", classes="panel", can_focus=False):
            yield Static("", id="words-text", markup=False)
        with Horizontal(id="panels"):
            yield Container(Lines(id="speed-lines"), id="speed", classes="panel")
            yield Container(RowList(id="checkpoint-rows"), id="checkpoints", classes="panel")
            yield Container(Lines(id="data-lines"), id="data", classes="panel")

    def on_mount(self) -> None:
        for panel, title in (("speed", "speed"), ("data", "data"), ("words", "the worker's last words")):
            self.query_one(f"#{panel}").border_title = title

    # --- drawing --------------------------------------------------------------------------------

    def draw(self, *, now: float, compact: bool) -> None:
        """Draw everything; an unchanged plot is not drawn again."""
        self._compact = compact
        self.set_class(self._dead, "-crashed")
        snapshot = self._watch.snapshot
        failed = snapshot.status is not SessionStatus.FINISHED or training_view.diverged(snapshot)
        failed = failed and self._watch.shown and not self._watch.live
        self.set_class(failed, "-failed")
        self.tick(now)
        self._draw_plots()
        self._draw_panels()
        self._draw_words()

    def _draw_words(self) -> None:
        """Scroll to the newest line at the bottom, but only once, so that the operator can scroll."""
        if self._watch.last_lines != self._shown_last_lines:
            self._shown_last_lines = self._watch.last_lines
            self.query_one("#words-text", Static).update(Content("\n".join(self._shown_last_lines)))
            self.query_one("#words", VerticalScroll).scroll_end(animate=False)

    @property
    def _main(self) -> str:
        """The largest plot, and the only one of a small terminal."""
        return plots.PLOTS[0].id

    @property
    def _dead(self) -> bool:
        """Whether there are log lines of a dead worker to show."""
        return bool(self._watch.last_lines) and not self._watch.live

    @property
    def _newest(self) -> Snapshot:
        curves = self._watch.curves
        return training_view.caught_up(self._watch.snapshot, curves.reading(-1) if curves is not None else None)

    def tick(self, now: float) -> None:
        """Update the two lines at the top, which include times."""
        watch, width = self._watch, max(20, self.size.width - 4)
        snapshot, live = self._newest, watch.live
        first, second = (Content.styled(text, "$quiet") for text in training_view.empty())
        if watch.shown:
            pace = watch.curves.pace() if watch.curves is not None else 0.0
            first = training_view.headline(snapshot, watch.asked, live=live, now=now, width=width, pace=pace)
            second = training_view.underline(snapshot, live=live, now=now, width=width)
        self.query_one("#headline", Line).show(first)
        self.query_one("#underline", Line).show(second)

    def _draw_plots(self) -> None:
        """Draw the visible plots."""
        curves, large = self._watch.curves, self._large or (self._main if self._compact else "")
        self.set_class(bool(large), "-zoomed")
        self.set_class(bool(self._large), "-plotted")
        self.set_class(large == self._main, "-main-large")
        reading = curves.reading(self._at) if curves is not None and self._at is not None else None
        for spec in plots.PLOTS:
            box = self.query_one(f"#{spec.id}-box")
            box.set_class(spec.id == large, "-large")
            box.border_title = plots.title(curves, spec, at=self._at, log=self._log)
            if not large or spec.id == large:
                figure = plots.figure(curves, spec, log=self._log, placeholder=self._empty())
                self.query_one(f"#{spec.id}", Plot).show(figure, reading.step if reading else None)

    def _empty(self) -> str:
        if not self._watch.live:
            return "no point was logged" if self._watch.shown else ""
        training = self._watch.snapshot.training
        return f"appears after step {training.started.log_freq:,}" if training else "appears when the training runs"

    def _draw_panels(self) -> None:
        snapshot = self._newest
        self.query_one("#speed-lines", Lines).show(training_view.speed(snapshot))
        self.query_one("#data-lines", Lines).show(training_view.data(snapshot, self._watch.asked))
        saved = self.checkpoints
        self.query_one("#checkpoints").border_title = "checkpoints" if saved else "checkpoints: none yet"
        at = next((at for at, one in enumerate(saved) if one.path == self._chosen), 0)
        self.query_one(RowList).show([training_view.checkpoint_row(one) for one in saved], at)

    # --- changed by keys ------------------------------------------------------------------------

    @property
    def checkpoints(self) -> tuple[CheckpointSaved, ...]:
        """Newest first."""
        training = self._watch.snapshot.training
        return training.checkpoints[::-1] if training else ()

    @property
    def chosen(self) -> CheckpointSaved | None:
        """The checkpoint at the cursor; the newest until another is chosen."""
        saved = self.checkpoints
        return next((one for one in saved if one.path == self._chosen), saved[0] if saved else None)

    def choose(self, row: int) -> None:
        """Move the cursor to a checkpoint, where it stays when newer ones are saved."""
        if 0 <= row < len(self.checkpoints):
            self._chosen = self.checkpoints[row].path
            self._draw_panels()

    def choose_next(self, by: int) -> None:
        """Move the cursor by rows: 1 is the next older checkpoint."""
        self.choose(self.query_one(RowList).cursor + by)

    def begin(self) -> None:
        """Reset cursor, choice and zoom for a new training."""
        self._at, self._chosen, self._large = None, "", ""
        self.remove_class("-panels")

    def zoom(self) -> None:
        """Enlarge the next plot; after the last, show all (or what comes first in a small terminal)."""
        self.remove_class("-panels")
        order = ("", *(spec.id for spec in plots.PLOTS))
        first = self._main if self._compact and not self._dead else ""
        self._large = order[(order.index(self._large or first) + 1) % len(order)]

    def switch_log(self) -> None:
        """Toggle logarithmic axes."""
        self._log = not self._log

    def read_off(self, by: int) -> None:
        """Move the cursor by columns of the enlarged plot."""
        if self._watch.curves is not None:
            columns = self.query_one(f"#{self._large or self._main}", Plot).columns
            self._at = plots.moved(self._watch.curves, self._at, by, columns)

    def close(self) -> None:
        """Remove the cursor; without one, close the enlarged plot and the panels."""
        if self._at is not None:
            self._at = None
        else:
            self._large = ""
            self.remove_class("-panels")


def _plot_box(spec: plots.PlotSpec) -> Container:
    return Container(Plot(id=spec.id), id=f"{spec.id}-box", classes="panel plot-box")

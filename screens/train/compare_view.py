"""The comparison on Train: the curves of the runs that are drawn, and the table of their figures and differences."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content

from screens.desk.run_shelf import RunShelf
from screens.train import plots
from screens.train.axis import Axis
from screens.train.boxes import PlotBox
from screens.train.sight import RunLine, Sight
from screens.views import keys
from screens.views.measured import Part, sentence
from screens.views.run_rows import Sample, legend, short_legend
from screens.widgets.ascii import fitting
from screens.widgets.line import Line, Lines
from screens.widgets.page_view import WidthText
from screens.widgets.plot import Overlay, Plot
from screens.widgets.titles import set_titles
from services.tone import Tone

if TYPE_CHECKING:
    from services.training.compare import Comparison

LOW = 16
"""Rows below which panels have no border."""
EMPTY = "no training is shown: Enter in the list of runs shows one"


class Shows(StrEnum):
    """What the page shows: a small terminal has no room for both."""

    BOTH = "both"
    TABLE = "table"
    CURVES = "curves"


class ComparisonText(WidthText):
    """The table, and what the facts say."""

    def __init__(self) -> None:
        super().__init__()
        self._made: Comparison | None = None
        self._samples: tuple[Sample, ...] = ()

    def show(self, made: Comparison | None, samples: tuple[Sample, ...]) -> None:
        """Show this comparison; cheap if it has not changed."""
        if (made, samples) != (self._made, self._samples):
            self._made, self._samples = made, samples
            self.change()

    def lay_out(self, width: int) -> Content:
        """The text in `width` cells."""
        from screens.views.comparison import lines

        drawn = [[(EMPTY, "$quiet")]] if self._made is None else lines(self._made, width, self._samples)
        return Content("\n").join(Content.assemble(*line) for line in drawn)


class CompareView(Vertical):
    """Draws what the shelf has: the run that is shown, against which the others are compared, and those beside it."""

    def __init__(self, shelf: RunShelf) -> None:
        super().__init__(id="compare")
        self._shelf = shelf
        self._shows = Shows.BOTH
        self._large = ""
        """The only plot that a small terminal shows."""
        self._drawn: tuple[Sequence[RunLine], Sight, bool] | None = None
        self._seen: object = None
        self._compared: Comparison | None = None

    def compose(self) -> ComposeResult:
        yield Line(id="compare-head")
        with Vertical(id="compare-curves"):
            yield Lines(id="compare-legend")
            main, *others = (PlotBox(f"compare-{id}") for id in plots.ids())
            yield main
            yield Horizontal(*others, id="compare-beside")
        with VerticalScroll(id="compare-page", classes="panel", can_focus=False):
            yield ComparisonText()

    def draw(self, lines: Sequence[RunLine], sight: Sight, *, compact: bool) -> None:
        """Draw everything; an unchanged plot, or table, is not drawn again."""
        self._drawn = lines, sight, compact
        shows = self._shows if not compact or self._shows is not Shows.BOTH else Shows.TABLE
        for each in Shows:
            self.set_class(shows is each, f"-{each.value}")
        made = self._comparison()
        self._draw_head(made, lines, sight)
        self._draw_curves(lines, sight, compact=compact)
        looks = plots.samples(lines)
        samples = tuple(looks.get(run.id, Sample("    ", "")) for run in made.runs) if made and looks else ()
        self.query_one(ComparisonText).show(made, samples)

    def on_plot_box_sized(self, message: PlotBox.Sized) -> None:
        message.stop()
        if self._drawn is not None:
            lines, sight, compact = self._drawn
            self._draw_curves(lines, sight, compact=compact)

    def _draw_head(self, made: Comparison | None, lines: Sequence[RunLine], sight: Sight) -> None:
        count = len(made.runs) if made else 0
        closes = f"{keys.COMPARE} or Esc closes"
        parts = [Part(f"{count} runs compared", 0, Tone.ACCENT), Part(f"{closes} this", 0, short=closes)]
        if count < 2:
            beside = f"{closes} this, then {keys.OVERLAY} on another run adds it"
            parts = [Part("one run", 1, Tone.ACCENT), Part(beside, 0)]
        missing = count - len(lines)
        parts.append(Part(f"{missing} not known over {sight.axis.value}" if missing else "", 1, Tone.WARNING))
        if self._large and self.size.height < LOW:  # its box has no border there, and so no title
            shown = next((spec.title for spec in plots.drawn(sight) if spec.id == self._large), "")
            parts.insert(0, Part(shown, 0))
        parts.append(Part("up and down scroll", 2, Tone.QUIET))
        line = self.query_one("#compare-head", Line)
        line.show(sentence(parts, max(20, self.size.width - 4)))

    def _draw_curves(self, lines: Sequence[RunLine], sight: Sight, *, compact: bool) -> None:
        """The loss; with the curves alone all plots, or in a small terminal one of them."""
        specs, (first, *_) = plots.drawn(sight), plots.ids()
        wanted = {spec.id for spec in specs} if self._shows is Shows.CURVES else {first}
        wanted = {self._large or first} if compact else wanted
        self.set_class(wanted != {first}, "-several")
        self._draw_legend(lines, specs, sight)
        none = f"no curve over {sight.axis.value}: {keys.AXIS} changes the axis"
        if sight.axis is Axis.STEP:  # every point has its step
            none = "no point was logged"
        breaks = tuple(lines[0].place(float(cut.step)) for cut in lines[0].curves.resumed) if lines else ()
        for id in plots.ids():
            box = self.query_one(f"#compare-{id}-box")
            box.display = id in wanted
            spec = next((each for each in specs if each.id == id), None)
            if spec is None or id not in wanted:
                continue
            width = max(0, box.size.width - 4)
            title = plots.title(lines[0] if lines else None, spec, sight, width=width, several=len(lines) > 1)
            set_titles(box, fitting(box, title), fitting(box, plots.subtitle(lines, spec, sight)))
            figure = plots.figure(lines, spec, sight, placeholder=none)
            self.query_one(f"#compare-{id}", Plot).show(figure, Overlay(sight.cursor, breaks=breaks))

    def _draw_legend(self, lines: Sequence[RunLine], specs: Sequence[plots.PlotSpec], sight: Sight) -> None:
        """What each run reads at the cursor, or at its newest point; nothing where the table beside it says so."""
        widget = self.query_one("#compare-legend", Lines)
        needed = sight.cursor is not None or self._shows is Shows.CURVES
        reads = plots.reads(lines, specs, sight.cursor) if needed else []
        rows, width = list[Content](), max(20, widget.size.width)
        if reads and self.size.height < LOW:
            alone = [spec for spec in specs if spec.id == self._large] or specs
            rows = short_legend(plots.reads(lines, alone, sight.cursor), width)
        elif reads:
            rows = legend(reads, plots.read_titles(lines, specs), width)
        widget.styles.height = len(rows)
        widget.show(rows)

    @property
    def columns(self) -> int:
        """Cells of the plot that the cursor walks through."""
        return self.query_one(f"#compare-{self._large or plots.ids()[0]}", Plot).columns

    # --- the comparison -------------------------------------------------------------------------

    def _comparison(self) -> Comparison | None:
        """Made anew if a run, or what is known of one, has changed; None without a run."""
        held = self._shelf.held()
        seen = [(each.run, each.training, each.curves.version if each.curves else 0) for each in held]
        if seen != self._seen:
            from services.training.compare import compare
            from services.training.compare_facts import facts

            self._seen = seen
            made = [facts(each.run, each.training, each.curves) for each in held]
            self._compared = compare(made) if made else None
        return self._compared

    def markdown(self) -> str:
        """The comparison as Markdown; empty without a run."""
        from services.training.compare_text import markdown

        made = self._comparison()
        return markdown(made) if made else ""

    # --- changed by keys ------------------------------------------------------------------------

    def scroll_by(self, rows: int = 0, *, pages: int = 0) -> None:
        """Scroll the table."""
        page = self.query_one("#compare-page", VerticalScroll)
        page.scroll_relative(y=rows + pages * max(1, page.size.height - 1), animate=False)

    def turn(self, sight: Sight, *, compact: bool) -> None:
        """The table alone, the curves alone (in a small terminal each plot in turn), both (in a large one)."""
        if compact:
            order = ["", *(spec.id for spec in plots.drawn(sight))]
            now = self._large if self._shows is Shows.CURVES and self._large in order else ""
            self._large = order[(order.index(now) + 1) % len(order)]
            self._shows = Shows.CURVES if self._large else Shows.TABLE
            return
        self._large = ""
        every = list(Shows)
        self._shows = every[(every.index(self._shows) + 1) % len(every)]

    def show_curves(self, id: str) -> None:
        """The curves alone; in a small terminal this plot."""
        self._shows, self._large = Shows.CURVES, id

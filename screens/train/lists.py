"""The two lists of Train: the runs, and the checkpoints of the one that is shown. Neither takes the focus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from screens.views.run_rows import Sample, run_table
from screens.views.shown_run import ShownRun
from screens.views.signs import signs
from screens.views.training_panels import checkpoint_table
from screens.widgets.line import Line
from screens.widgets.rows import RowList
from screens.widgets.titles import set_titles
from services.live.events import CheckpointSaved

if TYPE_CHECKING:
    from services.training.history import Run


class ListPanel(Vertical):
    """A header above rows, which the screen's keys walk through if it is the marked one."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel list-panel")
        self._title = ""

    def compose(self) -> ComposeResult:
        yield Line(id=f"{self.id}-header", classes="list-header")
        yield RowList(id=f"{self.id}-rows")

    @property
    def rows(self) -> RowList:
        return self.query_one(RowList)

    @property
    def room(self) -> int:
        """Cells of a row, without the cursor's mark."""
        return max(10, self.size.width - 1) if self.size.width else 40

    def mark(self, *, walked: bool) -> None:
        """Show whether the keys walk through this list."""
        self.set_class(walked, "-walked")
        set_titles(self, Content.assemble((f"{signs().cursor} " if walked else "", "bold $accent"), self._title))

    def put(self, title: str, header: Content, rows: Sequence[Content], cursor: int) -> None:
        """Show these rows."""
        self._title = title
        self.mark(walked=self.has_class("-walked"))
        self.query_one(f"#{self.id}-header", Line).show(Content.assemble(" ", header))
        self.rows.show(rows, cursor)


class RunsPanel(ListPanel):
    """The runs, newest first. The cursor stays at its run while the list grows."""

    @dataclass
    class Opened(Message):
        """A run was opened by mouse."""

        run_id: str

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._runs: Sequence[Run] = ()
        self._chosen = ""

    @property
    def chosen(self) -> Run | None:
        """The run at the cursor."""
        return next((run for run in self._runs if run.id == self._chosen), self._runs[0] if self._runs else None)

    def show(
        self, runs: Sequence[Run], *, live: str, shown: str, samples: Mapping[str, Sample], now: float, empty: str
    ) -> None:
        """Show these runs; `shown` is the one of the curves, `live` the one that runs, `samples` those overlaid."""
        self._runs = runs
        if not self._chosen and shown:
            self._chosen = shown
        table = run_table(runs, self.room, live=live, shown=shown, samples=samples, now=now)
        chosen = self.chosen
        title = f"runs {signs().dot} {len(runs)}" if runs else "runs"
        header = table.header if runs else Content.styled(empty, "$quiet")
        self.put(title, header, table.rows, runs.index(chosen) if chosen is not None else 0)

    def choose(self, run_id: str) -> None:
        """Move the cursor to this run."""
        self._chosen = run_id

    def move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.rows.move(by)
        self._at(self.rows.cursor)

    def _at(self, row: int) -> None:
        if 0 <= row < len(self._runs):
            self._chosen = self._runs[row].id

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """A key or the mouse chose a run."""
        message.stop()
        self._at(message.row)

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen run."""
        message.stop()
        if (run := self.chosen) is not None:
            self.post_message(self.Opened(run.id))


class CheckpointsPanel(ListPanel):
    """The checkpoints of the run that is shown, newest first; the newest is chosen until another one is."""

    class Opened(Message):
        """The chosen checkpoint was opened by mouse."""

    class Chosen(Message):
        """Another checkpoint was chosen."""

    def __init__(self) -> None:
        super().__init__(id="checkpoints")
        self._saved: Sequence[CheckpointSaved] = ()
        self._chosen = ""

    @property
    def chosen(self) -> CheckpointSaved | None:
        """The checkpoint at the cursor."""
        return next((one for one in self._saved if _name(one) == self._chosen), self._saved[0] if self._saved else None)

    def show(self, run: ShownRun, now: float) -> None:
        """Show the checkpoints of this run; the cursor stays where it is when newer ones are saved."""
        training = run.snapshot.training
        self._saved = training.checkpoints[::-1] if training else ()
        table = checkpoint_table(self._saved, self.room, now, training.best if training else None)
        header = table.header
        if not self._saved:
            every = (
                f": one is saved every {training.started.save_freq:,} steps"
                if training and training.started.save_freq and run.live
                else ""
            )
            header = Content.styled(f"none{' yet' if run.live else ''}{every}", "$quiet")
        chosen = self.chosen
        title = f"checkpoints {signs().dot} {len(self._saved)}" if self._saved else "checkpoints"
        self.put(title, header, table.rows, self._saved.index(chosen) if chosen is not None else 0)

    def reset(self) -> None:
        """Choose the newest checkpoint of another run."""
        self._chosen = ""

    def move(self, by: int) -> None:
        """Move the cursor by rows: 1 is the next older checkpoint."""
        self.rows.move(by)
        self._at(self.rows.cursor)

    def _at(self, row: int) -> None:
        if 0 <= row < len(self._saved):
            self._chosen = _name(self._saved[row])

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """A key or the mouse chose a checkpoint."""
        message.stop()
        self._at(message.row)
        self.post_message(self.Chosen())

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen checkpoint."""
        message.stop()
        self.post_message(self.Opened())


def _name(one: CheckpointSaved) -> str:
    """What tells a checkpoint from the others of its run: an imported one may have no folder."""
    return one.path or str(one.step)

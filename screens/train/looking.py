"""How the plots of Train are looked at: its keys."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens.train import plots
from screens.train.comparing import Comparing
from screens.train.run_view import RunView

LOOKING_KEYS: tuple[BindingType, ...] = (
    Binding("z", "zoom", "zoom", id="train.zoom",
            tooltip="One plot large, the next, all again; up and down then show fewer or more steps"),
    Binding("P", "further", "further plot", id="train.further",
            tooltip="One more plot: what the policy logs, times, memory, load of the cores; or none again"),
    Binding("Z", "range", "range", id="train.range",
            tooltip="Type the range of the plots: 1000-5000, or last 2000, which goes on with the run"),
    Binding("0", "whole_range", "all steps", show=False, id="train.whole", tooltip="All steps again"),
    Binding("l", "log_axis", "log axis", id="train.log-axis", tooltip="Logarithmic axes, and back"),
    Binding("A", "axis", "x axis", id="train.axis",
            tooltip="Draw the curves over samples, epochs, hours, over steps again"),
    Binding("left", "read_off(-1)", "read off", show=False, id="train.back", tooltip="The cursor to earlier steps"),
    Binding("right", "read_off(1)", "read off", key_display="left/right", id="train.on",
            tooltip="The cursor to later steps; past the newest one it goes"),
    Binding("plus,equals_sign", "smooth(1)", "smooth", key_display="+/-", id="train.smoother",
            tooltip="Smooth the loss over more steps"),
    Binding("minus", "smooth(-1)", "smooth less", show=False, id="train.rougher", tooltip="Over fewer steps"),
)  # fmt: skip


class Looking(Comparing):
    """One plot large or all, a further one, the axes, the range, the cursor."""

    @property
    def view(self) -> RunView:
        return self.query_one(RunView)

    def action_zoom(self) -> None:
        """Enlarge the next plot; after the last, show all. Of the comparison: the table, or the curves, alone."""
        if self.comparing:
            self.comparison.turn(self.view.sight, compact=self.has_class("-compact"))
        else:
            self.view.zoom()
        self._relay()

    def action_log_axis(self) -> None:
        self.view.switch_log()
        self.redraw()

    def action_further(self) -> None:
        """Choose a further metric to draw."""
        from screens.train.typed import MetricChoice

        if offered := self.view.offered:
            dialog = MetricChoice(self.desk, offered, self.view.sight.more)
            self.app.push_screen(dialog, self._draw_further)
        else:
            self.desk.notice("this run logged nothing besides what is drawn")

    def _draw_further(self, metric: str | None) -> None:
        if metric is not None:
            self.view.draw_further(metric)
            if self.comparing and metric:
                self.comparison.show_curves(plots.MORE)
            self._relay()

    def action_range(self) -> None:
        """Type a range of the plots."""
        from screens.train.typed import RangeEntry

        def take(text: str) -> None:
            self.view.show_range(text)
            self.redraw()

        self.app.push_screen(RangeEntry(self.desk, *self.view.reach, take))

    def action_axis(self) -> None:
        """Draw over the next axis."""
        self.view.turn_axis()
        self.redraw()

    def action_read_off(self, by: int) -> None:
        """Move the cursor of the plots."""
        self.view.read_off(by, self.comparison.columns if self.comparing else 0)
        self.redraw()

    def action_smooth(self, by: int) -> None:
        """Smooth over more or fewer steps."""
        self.desk.runs.smooth(by)

    def action_whole_range(self) -> None:
        self.view.whole_range()
        self.redraw()

    def _relay(self) -> None:
        """Draw what comes and goes, and again once it has its size."""
        self.redraw()
        self.call_after_refresh(self.redraw)

"""The keys of the comparison on Train."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens.frame.lab_screen import LabScreen
from screens.train.compare_view import CompareView

COMPARE_KEYS: tuple[BindingType, ...] = (
    Binding("c", "compare", "compare", id="train.compare",
            tooltip="The overlaid runs side by side: figures, what differs and why; again closes it"),
    Binding("y", "copy_comparison", "copy", id="train.copy", tooltip="Copy the comparison as Markdown"),
    Binding("pageup", "page(-1)", "page up", show=False, id="train.page-up", tooltip="A page up in the comparison"),
    Binding("pagedown", "page(1)", "page down", show=False, id="train.page-down",
            tooltip="A page down in the comparison"),
)  # fmt: skip
ONLY_COMPARING = frozenset({"copy_comparison", "page"})
"""Actions on the comparison, and on nothing else."""
NOT_COMPARING = frozenset({
    "open_run", "overlay", "other_list", "panels", "evaluate_checkpoint", "note_to_run", "keep_run", "resume_run",
})  # fmt: skip
"""Actions on the run that is shown, which the comparison covers."""


class Comparing(LabScreen):
    """The comparison lies over the training until it is closed."""

    comparing = False

    @property
    def comparison(self) -> CompareView:
        return self.query_one(CompareView)

    def action_compare(self) -> None:
        """Show the comparison, or close it."""
        self.comparing = not self.comparing
        self.redraw()
        self.call_after_refresh(self.redraw)

    def action_page(self, by: int) -> None:
        """Scroll by a page."""
        self.comparison.scroll_by(pages=by)

    def action_copy_comparison(self) -> None:
        """Copy it to the terminal's clipboard, as Markdown."""
        if text := self.comparison.markdown():
            self.app.copy_to_clipboard(text)
            self.desk.notice("the comparison was copied as Markdown, if the terminal takes it (OSC 52)")

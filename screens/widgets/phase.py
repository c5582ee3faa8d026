"""The phase panel: word, count, clock, progress and the sentence that says what to do now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from screens.views.phase_view import PhaseView
from screens.views.signs import bar
from screens.widgets.bigtext import BigText
from screens.widgets.line import Line


class PhasePanel(Vertical):
    """Shows a PhaseView; every part repaints alone."""

    def compose(self) -> ComposeResult:
        """Word on top, two numbers, a bar, a sentence."""
        yield BigText(id="word", most=2)
        with Horizontal(id="numbers"):
            yield BigText(id="left", most=2)
            yield BigText(id="right", right=True)
        with Horizontal(id="labels"):
            yield Line(id="left-label")
            yield Line(id="right-label")
        yield Line(id="progress")
        yield Line(id="says")

    def show(self, moment: PhaseView) -> None:
        """Draw what changed."""
        self.query_one("#word", BigText).show(moment.word, moment.tone)
        self.query_one("#left", BigText).show(moment.left)
        self.query_one("#right", BigText).show(moment.right)
        self.query_one("#left-label", Line).show(moment.left_label)
        self.query_one("#right-label", Line).show(moment.right_label)
        self.query_one("#says", Line).show(moment.says)
        line = self.query_one("#progress", Line)
        line.tone(moment.tone)
        if moment.progress is None:
            line.show("")
        else:
            full, empty = bar(moment.progress, line.size.width)
            line.show(Content.assemble((full, ""), (empty, "$edge")))

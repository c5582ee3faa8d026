"""The phase panel: word, alarm, count, clock, progress and a sentence on what to do now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from screens.views.phase_view import PhaseView
from screens.views.signs import bar
from screens.widgets.bigtext import BigText
from screens.widgets.line import Line, Sentence


class PhasePanel(Vertical):
    """Draws a PhaseView; each part repaints on its own."""

    def compose(self) -> ComposeResult:
        yield BigText(id="word", most=2)
        yield BigText(id="alarm-word", most=2)
        with Horizontal(id="numbers"):
            yield BigText(id="left", most=2)
            yield BigText(id="right", right=True)
        with Horizontal(id="labels"):
            yield Line(id="left-label")
            yield Line(id="right-label")
        yield Line(id="progress")
        yield Sentence(id="says")

    def show(self, view: PhaseView) -> None:
        """Draw what changed."""
        self.set_class(bool(view.alarms), "-alarmed")
        first, *shorter = view.alarms or ("",)
        self.query_one("#alarm-word", BigText).show(first, shorter=shorter)
        self.query_one("#word", BigText).show(view.word, view.tone)
        self.query_one("#left", BigText).show(view.left)
        self.query_one("#right", BigText).show(view.right)
        self.query_one("#left-label", Line).show(view.left_label)
        self.query_one("#right-label", Line).show(view.right_label)
        self.query_one("#says", Sentence).say(view.parts)
        line = self.query_one("#progress", Line)
        line.tone(view.tone)
        if view.progress is None:
            line.show("")
        else:
            full, empty = bar(view.progress, line.size.width)
            line.show(Content.assemble((full, ""), (empty, "$edge")))

"""The arm on Bench: the state in a large word, pose and torque in words, and what to press."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.content import Content

from screens.views.arm_state import ArmView, Offer
from screens.views.phase_view import PhaseView
from screens.widgets.line import Line, Lines
from screens.widgets.phase import PhasePanel

ROOMY = 14
"""Rows from which each key has its own."""


class ArmPanel(PhasePanel):
    """A phase panel that says the arm's state below the word, and lists keys where there is room."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Line(id="arm-state")
        yield Lines(id="offers")

    def on_mount(self) -> None:
        self.move_child(self.query_one("#arm-state"), after=self.query_one("#word"))

    def show_arm(self, view: ArmView, alarms: tuple[str, ...] = ()) -> None:
        """Draw what changed; `alarms` are wordings of the one that stands, longest first."""
        roomy = bool(view.offers) and self.size.height >= ROOMY
        self.show(PhaseView(view.word, view.tone, view.parts if roomy else view.sentence, alarms=alarms))
        state = self.query_one("#arm-state", Line)
        state.tone(view.state_tone)
        state.show(view.state)
        self.set_class(cell_len(view.state) > state.size.width > 0, "-long")
        offers = self.query_one("#offers", Lines)
        if self.has_class("-roomy") is not roomy:
            self.set_class(roomy, "-roomy")
        if roomy:
            offers.show([_offer(offer) for offer in view.offers])


def _offer(offer: Offer) -> Content:
    return Content.assemble((f"{offer.key}  ", "bold $accent"), offer.does)

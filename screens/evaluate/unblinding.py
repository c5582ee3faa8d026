"""The key that tells which policy is which: at once when enough trials are judged, before that with a reason."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens.arm_session.screen import ArmSessionScreen
from screens.frame.checked_entry import CheckedEntry
from services.evaluation import plan as evaluation

UNBLIND_KEY: BindingType = Binding(
    "W", "unblind", "unblind", show=False, id="evaluate.unblind",
    tooltip="Tell which policy is which code, for good; before all trials are judged it asks why",
)  # fmt: skip
DONE = "the policies have their names"
WHY = "without a reason the codes stay: say why, or Esc"


class Unblinding(ArmSessionScreen):
    """The key that unblinds an evaluation."""

    def action_unblind(self) -> None:
        desk, link = self.desk, self.desk.link
        if link is None:
            return
        if desk.snapshot.reached:
            desk.order(evaluation.unblind(link, desk.operator), done=DONE)
            return
        title = "Not all trials are judged: why is it unblinded now?"
        self.app.push_screen(CheckedEntry(desk, title, "reason", lambda text: "", needed=WHY), self._because)

    def _because(self, reason: str | None) -> None:
        if reason and self.desk.link is not None:
            self.desk.order(evaluation.unblind(self.desk.link, self.desk.operator, reason), done=DONE)

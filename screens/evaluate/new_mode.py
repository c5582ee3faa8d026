"""A failure mode that lab.toml does not name: typed for the last trial, and on the next free digit from then on."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens.arm_session.screen import ArmSessionScreen
from screens.frame.checked_entry import CheckedEntry
from screens.views import keys
from screens.views.signs import clean
from screens.views.trials import MODES_MOST, modes
from services.evaluation import plan as evaluation
from services.evaluation.failure_modes import spelled, why_no_mode
from sessions.trials import place

NEW_MODE_KEY: BindingType = Binding(
    "o", "new_mode", "other mode", show=False, id="evaluate.mode-new",
    tooltip="Type how the last trial failed, where no digit says it; the next free digit has it then",
)  # fmt: skip


class NewMode(ArmSessionScreen):
    """The key that takes a failure mode as text."""

    def action_new_mode(self) -> None:
        trial = self.desk.snapshot.trial
        if trial is None:
            return
        number = place(self.desk.snapshot.trials, trial.index)
        title = f"How trial {number} failed"
        entry = CheckedEntry(self.desk, title, "failure mode", lambda text: why_no_mode(" ".join(text.split())))
        self.app.push_screen(entry, lambda text: self._typed(trial.index, text))

    def _typed(self, trial: int, text: str | None) -> None:
        """Keep it with the trial that it was typed for, and say which digit has it."""
        snapshot, link = self.desk.snapshot, self.desk.link
        if not text or link is None:
            return
        if snapshot.trial is None or snapshot.trial.index != trial:
            self.desk.refuse(f"the next trial has begun: {clean(text)} was not kept; a note can tell it")
            return
        known = modes(snapshot)
        mode = spelled(text, known)
        at = known.index(mode) + 1 if mode in known else len(known) + 1
        digit = f"{at} says it in this session" if at <= MODES_MOST else f"all {MODES_MOST} digits are taken"
        self.desk.order(evaluation.annotate(link, mode), done=f"{keys.FAILURE}: {clean(mode)}; {digit}")

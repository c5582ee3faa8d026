"""The keys of an arm session, the same on every screen that has them, and their actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

from screens.views.signs import clean
from services import arm_commands
from services.live import protocol
from services.live.requests import Purpose

if TYPE_CHECKING:
    from textual.app import App

    from screens.desk.desk import Desk

ARM_SESSION_KEYS: list[BindingType] = [
    Binding("p", "pause", "pause", id="session.pause", tooltip="Hold; once more follows the leader again, slowly"),
    Binding("g", "rest", "go to rest", id="session.rest", tooltip="Open the gripper, lift, move to the rest pose"),
    Binding("R", "release", "release", id="session.release", tooltip="Lower the arm, then cut torque; asks first"),
    Binding("F", "finish", "finish", id="session.finish", tooltip="Save, go to rest, end the session"),
    Binding(
        "T",
        "take_over",
        "take control",
        id="session.take-over",
        tooltip="Take control; the other console then only watches",
    ),
]
NOTE_KEY = Binding("n", "note", "note", id="session.note", tooltip="Write a remark into the session")
"""Separate from the others: in the Log, `n` adds a note to the chosen session."""

RELEASE_AT_REST = "The arm is lowered to its rest pose first, slowly; then torque goes off."
RELEASE_IN_PLACE = "No rest pose is taught at this bench: the arm goes limp where it is. Keep a hand under it."


class ArmActions:
    """Actions for a screen with a desk."""

    desk: Desk
    app: App[object]

    def action_stop(self) -> None:
        self.desk.stop()

    def action_pause(self) -> None:
        """Hold, or follow again."""
        if self.desk.link:
            self.desk.order(arm_commands.pause_or_resume(self.desk.link))

    def action_rest(self) -> None:
        """Go to rest: by a command, or with a new bench session if none runs."""
        if self.desk.live and self.desk.link:
            self.desk.order(arm_commands.go_to_rest(self.desk.link))
        else:
            self.desk.start_bench(Purpose.REST)

    def action_release(self) -> None:
        from screens.frame.dialogs import Choice, Question

        self.desk.warm_up()
        yes = Choice("y,enter", "release the arm", "yes")
        warning = RELEASE_AT_REST if self.desk.profile.motion.rest else RELEASE_IN_PLACE
        self.app.push_screen(Question(self.desk, "Release the arm?", [warning], [yes]), self._release)

    def _release(self, answer: str | None) -> None:
        if answer != "yes":
            return
        if self.desk.live and self.desk.link:
            self.desk.order(arm_commands.release(self.desk.link))
        else:
            self.desk.start_bench(Purpose.RELEASE)

    def action_finish(self) -> None:
        if self.desk.link:
            self.desk.order(arm_commands.finish(self.desk.link, self.desk.operator))

    def action_take_over(self) -> None:
        if self.desk.link:
            self.desk.order(arm_commands.take_over(self.desk.link, self.desk.operator))

    def action_note(self) -> None:
        from screens.frame.dialogs import TextEntry

        self.app.push_screen(TextEntry(self.desk, "Note to this session"), self._note)

    def _note(self, text: str | None) -> None:
        if not text or self.desk.link is None:
            return
        answer = self.desk.link.send(protocol.AddNote(text=text, author=self.desk.operator))
        self.desk.order(answer, done=f"noted: {clean(text, 60)}")

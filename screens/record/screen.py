"""Record: teleoperate, take by take; the form of the next session."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from screens.arm_session.camera_views import VIEW_KEYS
from screens.arm_session.screen import ArmSessionScreen
from screens.frame.arm_actions import ARM_SESSION_KEYS, NOTE_KEY
from screens.frame.form import Form
from screens.record.form import RecordForm
from screens.views.equipment import retried_lines
from screens.views.phase_view import reset_left
from screens.views.record_panels import joints_footer, tally
from screens.views.take_strip import take_strip
from services.live import protocol
from services.live.phases import Phase
from services.live.requests import RecordRequest
from services.recording import plan as recording
from sessions.models import SessionKind


class RecordScreen(ArmSessionScreen):
    """A session with a leader and takes."""

    KIND = SessionKind.RECORD
    CSS_PATH: ClassVar = ["record.tcss", "../arm_session/arm_session.tcss", "../frame/form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "new", "take_over", "take", "reject", "mark_moment", "pause", "rest", "finish", "release", "note",
        "look_at_last", "enlarge", "details",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take", "take", id="record.take", tooltip="Align, start the next take, or end this one"),
        Binding("r", "reject", "reject", id="record.reject",
                tooltip="Reject the running or last take; once more takes it back. Nothing is deleted"),
        Binding("M", "mark_moment", "mark", id="record.mark", tooltip="Mark this moment of the running take"),
        *ARM_SESSION_KEYS,
        NOTE_KEY,
        *VIEW_KEYS,
        Binding("N", "new", "new session", id="record.new", tooltip="Fill in the next recording"),
    ]  # fmt: skip

    def on_mount(self) -> None:
        self._rung_for_take = 0

    # --- drawing --------------------------------------------------------------------------------

    def new_form(self) -> Form:
        return RecordForm(self.desk)

    def heading(self) -> str:
        """The dataset."""
        started = self.desk.snapshot.started
        return started.dataset if started else ""

    def strip(self) -> Content:
        return take_strip(self.desk.snapshot, self.size.width, self.query_one("#strip").size.height or 1)

    def tally(self) -> list[Content]:
        return tally(self.desk.snapshot, self.desk.telemetry)

    def loop_lines(self, telemetry: protocol.Telemetry) -> list[Content]:
        """The control loop, the encoder and the serial buses."""
        return [*(Content(text) for text in joints_footer(telemetry)), *retried_lines(telemetry)]

    def draw_telemetry(self) -> None:
        """The session; rings a bell when the reset time is over."""
        super().draw_telemetry()
        if not self.shows_form:
            self._ring_after_reset()

    def _ring_after_reset(self) -> None:
        """Ring once when the reset time is over; no take starts by itself."""
        snapshot = self.desk.snapshot
        over = snapshot.phase is Phase.RESET and self.desk.telemetry and not reset_left(snapshot, self.desk.telemetry)
        if over and self._rung_for_take != snapshot.take:
            self._rung_for_take = snapshot.take
            self.desk.bells.play("ready")

    # --- keys -----------------------------------------------------------------------------------

    def action_take(self) -> None:
        """Align, start a take, or end it."""
        if self.desk.link:
            self.desk.order(recording.start_or_end_take(self.desk.link))

    def action_reject(self) -> None:
        """Reject a take, or accept it again."""
        if self.desk.link:
            self.desk.order(recording.toggle_mark(self.desk.link))

    def action_mark_moment(self) -> None:
        """Mark this moment of the running take."""
        if self.desk.link:
            self.desk.order(recording.mark_moment(self.desk.link))

    def on_form_planned(self, message: Form.Planned) -> None:
        """Start the planned session."""
        request, folder = message.request, self.desk.folder
        if isinstance(request, RecordRequest):
            self.desk.start(lambda: recording.begin(folder, request), SessionKind.RECORD)

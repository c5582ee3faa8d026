"""Record: teleoperate, take by take; before and after a sitting the form of the next one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.form import Form
from screens.frame import LabScreen
from screens.keyed import FRAME_KEYS
from screens.live import joints_footer, legend, tally
from screens.messages import SittingChanged
from screens.moment import moment, reset_left
from screens.pages import page
from screens.record_form import RecordForm
from screens.verbs import NOTE_KEY, SITTING_KEYS
from screens.widgets.joints import JointBars
from screens.widgets.line import Line, Lines
from screens.widgets.phase import PhasePanel
from screens.widgets.pictures import Pictures
from screens.widgets.takes import take_strip
from screens.words import clean
from services import recording, wire
from services.requests import RecordRequest
from services.snapshots import Phase, document
from sessions.models import SessionKind


class RecordScreen(LabScreen):
    """Shows the form, or the sitting; never both."""

    TITLE_WORD = "record"
    CSS_PATH: ClassVar = ["record.tcss", "form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "new", "take", "reject", "pause", "rest", "release", "take_over", "note", "finish", "enlarge", "details",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take", "take", id="record.take", tooltip="Align, start the next take, or end this one"),
        Binding("r", "reject", "reject", id="record.reject",
                tooltip="Reject the running or last take; once more takes it back. Nothing is deleted"),
        *SITTING_KEYS,
        NOTE_KEY,
        Binding("w", "enlarge", "enlarge", id="record.enlarge", tooltip="One camera large, the next, all again"),
        Binding("d", "details", "details", id="record.details", tooltip="Joints instead of the picture, and back"),
        Binding("N", "new", "new sitting", id="record.new", tooltip="Fill in the next recording"),
        *FRAME_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """The form's place, pictures, panels, the strip of takes."""
        yield Container(id="ask")
        with Vertical(id="live"):
            yield Pictures()
            with VerticalScroll(id="after", classes="panel", can_focus=False):
                yield Static("", id="after-text", markup=False)
            with Horizontal(id="panels"):
                with Container(id="phase-box", classes="panel"):
                    yield PhasePanel()
                with Vertical(id="joints-box", classes="panel"):
                    yield JointBars()
                    yield Lines(id="joints-foot")
                with Container(id="tally", classes="panel"):
                    yield Lines(id="tally-lines")
        yield Line(id="strip")

    def on_mount(self) -> None:
        """Titles of the panels."""
        self._asked_sizes: dict[str, tuple[int, int]] = {}
        self._reset_rang = 0
        self._wants_form = False
        self.query_one("#joints-box").border_title = legend()
        self.query_one("#tally").border_title = "this sitting"

    # --- drawing --------------------------------------------------------------------------------

    @property
    def shows_form(self) -> bool:
        """Whether the form is up: nothing runs, and no end is left to be read."""
        desk = self.desk
        return not desk.live and (self._wants_form or desk.kind is not SessionKind.RECORD)

    def draw(self) -> None:
        """Choose form, sitting or what a lost worker said; draw it."""
        desk = self.desk
        if desk.live:
            self._wants_form = False
        self.set_class(self.shows_form, "-form")
        over = not desk.live and not self.shows_form
        self.set_class(over, "-over")
        self.set_class(over and bool(desk.tail), "-crashed")
        self.set_class(desk.kind is not SessionKind.RECORD, "-bench")
        self._draw_form()
        self._draw_pictures()
        if self.shows_form:
            return
        self.query_one("#phase-box").border_title = clean(self._title())
        self.query_one("#strip", Line).show(take_strip(desk.snapshot, self.size.width))
        if over:
            self._draw_end()

    def _title(self) -> str:
        started = self.desk.snapshot.started
        if started is None or self.desk.kind is not SessionKind.RECORD:
            return "bench sitting: F2 shows it, F finishes it" if self.desk.live else "sitting"
        return started.dataset

    def _draw_form(self) -> None:
        place = self.query_one("#ask")
        if not place.is_mounted:
            return
        if self.shows_form and not place.children:
            place.mount(RecordForm(self.desk))
        elif not self.shows_form and place.children:
            place.remove_children()
            self.set_focus(None)

    def _draw_end(self) -> None:
        """What a worker that crashed said last, else what the log keeps of the sitting."""
        desk, place = self.desk, self.query_one("#after")
        place.border_title = "the worker's last words" if desk.tail else "this sitting, as the log keeps it"
        if desk.tail:
            text = Content("\n".join(desk.tail))
        elif desk.snapshot.started is not None:
            text = page(document(desk.snapshot), place.size.width or 76)
        else:
            text = Content("")
        self.query_one("#after-text", Static).update(text)

    def draw_telemetry(self) -> None:
        """Phase panel, joints, tally and pictures."""
        if self.shows_form:
            return
        desk = self.desk
        snapshot, telemetry = desk.snapshot, desk.telemetry
        self.query_one(PhasePanel).show(moment(snapshot, telemetry, driving=desk.driving, now=self.now()))
        self._ring_after_reset()
        self.query_one("#tally-lines", Lines).show(tally(snapshot, telemetry))
        if telemetry is None:
            return
        self.query_one(JointBars).show(telemetry.joints, telemetry.leader)
        self.query_one("#joints-foot", Lines).show([Content(text) for text in joints_footer(telemetry)])
        self._ask_for_previews()
        self.query_one(Pictures).show(telemetry)

    def _ring_after_reset(self) -> None:
        """One bell when the time to reset the scene is over; nothing starts by itself."""
        snapshot = self.desk.snapshot
        over = snapshot.phase is Phase.RESET and self.desk.telemetry and not reset_left(snapshot, self.desk.telemetry)
        if over and self._reset_rang != snapshot.take:
            self._reset_rang = snapshot.take
            self.desk.bells.play("ready")

    # --- pictures -------------------------------------------------------------------------------

    def _draw_pictures(self) -> None:
        """A box per camera of the sitting's bench."""
        cameras = self.desk.cameras if self.desk.kind is SessionKind.RECORD and self.desk.live else {}
        pictures = self.query_one(Pictures)
        pictures.show_cameras(cameras, one=self.has_class("-compact"))
        self.set_class(bool(pictures.large), "-enlarged")

    def _ask_for_previews(self) -> None:
        """Tell the worker which sizes this screen shows; none while it is hidden."""
        link = self.desk.link
        if link is None or not link.connected or self.desk.starting:
            return
        sizes = self.query_one(Pictures).sizes() if self.seen and not self.shows_form else {}
        if sizes != self._asked_sizes:
            self._asked_sizes = sizes
            self.desk.order(link.tell(wire.SetPreviews(sizes=sizes)))

    def on_screen_suspend(self) -> None:
        """A hidden screen asks for no pictures (a dialog over it hides nothing)."""
        self.call_after_refresh(self._ask_for_previews)

    def on_sitting_changed(self, message: SittingChanged) -> None:
        """Another sitting: ask for pictures anew."""
        self._asked_sizes = {}
        super().on_sitting_changed(message)

    # --- keys -----------------------------------------------------------------------------------

    def action_take(self) -> None:
        """Space: align, start, or end."""
        if self.desk.link:
            answered = recording.start_or_end_take(self.desk.link)
            if answered is None and self.desk.snapshot.phase is Phase.HELD:
                self.desk.notice("the arm holds: p follows again, then space starts a take")
            self.desk.order(answered)

    def action_reject(self) -> None:
        """Reject, or take it back."""
        if self.desk.link:
            self.desk.order(recording.toggle_mark(self.desk.link))

    def action_enlarge(self) -> None:
        """The next camera large; after the last, all of them."""
        self.remove_class("-details")
        self.query_one(Pictures).enlarge_next()
        self._draw_pictures()

    def action_details(self) -> None:
        """Joints where the picture is, and back (a small terminal has no room for both)."""
        self.toggle_class("-details")

    def action_new(self) -> None:
        """Show the form, or go back into its fields."""
        self._wants_form = True
        self.redraw()
        if fields := self.query("#dataset"):
            fields.first().focus()

    def close_open(self) -> None:
        """Esc leaves the large picture; in the form it leaves the fields, then the form."""
        pictures = self.query_one(Pictures)
        if pictures.large:
            pictures.large = ""
            self._draw_pictures()
        elif self.focused is not None:
            self.set_focus(None)
        elif self._wants_form:
            self._wants_form = False
            self.redraw()

    def on_form_planned(self, message: Form.Planned) -> None:
        """Start what was planned."""
        request, folder = message.request, self.desk.folder
        if isinstance(request, RecordRequest):
            self.desk.start(lambda: recording.begin(folder, request), SessionKind.RECORD)

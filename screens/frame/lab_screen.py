"""The frame that all screens share: header, alarm line, body, banner and keys."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from screens.desk.desk import Desk
from screens.desk.messages import (
    Noticed,
    SessionChanged,
    SnapshotArrived,
    StopAnswered,
    StopUnanswered,
    TelemetryArrived,
)
from screens.frame.arm_actions import ArmActions
from screens.frame.bindings import BoundScreen
from screens.frame.status_lines import StatusLine, alarm_line, banner, header
from screens.views import keys
from screens.views.phase import phase_view
from screens.views.signs import signs
from screens.widgets.keyline import KeyLine
from screens.widgets.line import Line

if TYPE_CHECKING:
    from screens.frame.registry import ScreenEntry

NOTICE_S = 5.0
FREEZE_AFTER_S = 1.5
"""When a new screen is complete: freezing its objects spares the garbage collector, which would otherwise take 50 ms of
every second of heavy drawing."""


class LabScreen(ArmActions, BoundScreen):
    """Subclasses define `body`, `draw` and `draw_telemetry`; they draw only while they are seen."""

    AUTO_FOCUS = ""
    """A resumed screen must not focus a form that is being removed: no key would act."""

    def __init__(self, desk: Desk, entry: ScreenEntry) -> None:
        super().__init__(desk, entry)
        self._notice: StatusLine | None = None
        self._notice_ends = 0.0
        self._draw_scheduled = False

    # --- for subclasses -------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def draw(self) -> None:
        """Draw the body from the desk's snapshot."""

    def draw_telemetry(self) -> None:
        """Draw what changes with the telemetry, five times a second."""

    def alarm(self) -> StatusLine:
        """The line below the header: what needs the operator's attention."""
        return alarm_line(self.desk.snapshot, self.now())

    # --- the frame ------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Header and alarm line at the top, banner and keys at the bottom; none of them ever moves."""
        yield Line(id="header")
        yield Line(id="alarm")
        with Container(id="body"):
            yield from self.body()
        yield Line(id="tiny")
        yield Line(id="banner")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.desk.watch(self)
        self.set_interval(0.5, self._tick)
        self.set_timer(FREEZE_AFTER_S, gc.freeze)

    def on_unmount(self) -> None:
        self.desk.unwatch(self)

    @property
    def seen(self) -> bool:
        """Whether the operator sees this screen (perhaps under a dialog)."""
        complete = any(child.id == "keys" for child in self.children)  # not half composed or half removed
        return complete and self.is_mounted and self in self.app.screen_stack

    @property
    def keys_wait(self) -> bool:
        """Whether the screen's own widgets are not mounted yet."""
        return not self.seen

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 70 or height < 18, "-tiny")
        self.set_class(width < 110 or height < 34, "-compact")
        self.set_class(width >= 160 and height >= 48, "-wide")
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        """Draw what changed while the screen was hidden."""
        self.desk.on_focus_moved()
        self.redraw()
        self.call_after_refresh(self.redraw)

    def watch_focused(self) -> None:
        """The focus moved: the footer shows which keys still act."""
        self.desk.on_focus_moved()
        self.call_after_refresh(self._draw_keys)
        self.call_after_refresh(self._draw_lines)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """Draw the new state; snapshots that arrive together are drawn once."""
        message.stop()
        if not self._draw_scheduled:
            self._draw_scheduled = True
            self.call_later(self._draw_newest)

    def on_session_changed(self, message: SessionChanged) -> None:
        message.stop()
        self.redraw()
        self._ask_about_calibration()

    def _ask_about_calibration(self) -> None:
        """A session that a calibration kept from starting: not while keys go to a field, or to another dialog."""
        if self.seen and self.app.screen is self and not isinstance(self.focused, Input):
            from screens.frame import calibration_question

            calibration_question.ask(self.app, self.desk)

    def on_telemetry_arrived(self, message: TelemetryArrived) -> None:
        message.stop()
        if self.seen:
            self.draw_telemetry()
            self._draw_tiny()

    def on_noticed(self, message: Noticed) -> None:
        message.stop()
        self._notice = StatusLine(message.text, message.tone)
        self._notice_ends = time.monotonic() + NOTICE_S
        self._draw_lines()

    def on_stop_unanswered(self, message: StopUnanswered) -> None:
        """Cover everything with NO ANSWER."""
        message.stop()
        from screens.frame.dialogs import NoAnswer

        if self.seen and not isinstance(self.app.screen, NoAnswer):
            self.app.push_screen(NoAnswer(self.desk))

    def on_stop_answered(self, message: StopAnswered) -> None:
        message.stop()
        self.redraw()

    def _draw_newest(self) -> None:
        self._draw_scheduled = False
        self.redraw()

    def redraw(self) -> None:
        """Draw everything if this screen is seen."""
        if not self.seen:
            return
        self._draw_lines()
        self.draw()
        self.draw_telemetry()
        self._draw_tiny()
        self._draw_keys()

    def _draw_keys(self) -> None:
        if self.seen:
            self.query_one(KeyLine).draw(self.footer_keys())

    def _tick(self) -> None:
        if not self.seen:
            return
        if self._notice and time.monotonic() > self._notice_ends:
            self._notice = None
        self._draw_lines()
        self._ask_about_calibration()
        if self.desk.live and (self.desk.starting or self.desk.telemetry is None):
            self.draw_telemetry()

    def _draw_lines(self) -> None:
        if not self.seen:
            return
        clock = time.strftime("%H:%M", time.localtime(self.now()))
        holds, notice = banner(self.desk, self.size.width, typing=isinstance(self.focused, Input)), self._notice
        if notice and holds.text:  # the banner keeps the hold; the notice replaces the header for its few seconds
            self._show_line("#header", StatusLine(f" {notice.text}", notice.tone))
        else:
            self._show_line("#header", StatusLine(header(self.desk, self.entry.title, clock, self.size.width)))
        self._show_line("#alarm", self.alarm())
        self._show_line("#banner", holds if holds.text or notice is None else notice)

    def _show_line(self, where: str, line: StatusLine) -> None:
        widget = self.query_one(where, Line)
        widget.tone(line.tone if line.text else "")
        widget.show(line.text)

    def _draw_tiny(self) -> None:
        if not self.has_class("-tiny"):
            return
        desk, dot = self.desk, signs().dot
        state = "no session runs"
        if desk.live:
            view = phase_view(desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now())
            state = f"{view.word} {view.right} {view.right_label} {dot} {view.sentence}"
            state += f" {dot} {keys.stop_keys()} STOP" if desk.can_move else ""
        self.query_one("#tiny", Line).show(f"{state} {dot} 80x24 shows everything")

    def now(self) -> float:
        """Unix time; tests replace it."""
        return time.time()

"""The frame that all screens share: header, alarm line, body, banner, keys; and the keys that act everywhere."""

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
from screens.views.phase import moment
from screens.views.signs import signs
from screens.widgets.keyline import KeyLine
from screens.widgets.line import Line

if TYPE_CHECKING:
    from screens.frame.registry import ScreenEntry

NOTICE_S = 5.0
SETTLED_S = 1.5
"""When a new screen is drawn and stands: what it is made of need not be searched for garbage again, which would take
50 ms of every second in which a lot is drawn."""


class LabScreen(ArmActions, BoundScreen):
    """Subclasses give `body`, `draw` and `draw_telemetry`; they draw only while they are seen."""

    AUTO_FOCUS = ""
    """A screen that comes back must not put the focus into a form that is just being taken away: no key would act."""

    def __init__(self, desk: Desk, entry: ScreenEntry) -> None:
        super().__init__(desk, entry)
        self._notice: StatusLine | None = None
        self._notice_ends = 0.0
        self._draws_soon = False

    # --- what subclasses give -------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def draw(self) -> None:
        """Draw the body from the desk's snapshot."""

    def draw_telemetry(self) -> None:
        """Draw what changes five times a second."""

    def alarm(self) -> StatusLine:
        """The line under the header: what needs the operator."""
        return alarm_line(self.desk.snapshot, self.now())

    # --- the frame ------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Header and alarm line on top, banner and keys at the bottom; none of them ever moves."""
        yield Line(id="header")
        yield Line(id="alarm")
        with Container(id="body"):
            yield from self.body()
        yield Line(id="tiny")
        yield Line(id="banner")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Listen to the desk; look at the clock now and then."""
        self.desk.watch(self)
        self.set_interval(0.5, self._tick)
        self.set_timer(SETTLED_S, gc.freeze)

    def on_unmount(self) -> None:
        """Hear nothing more."""
        self.desk.unwatch(self)

    @property
    def seen(self) -> bool:
        """Whether the operator sees this screen (perhaps under a dialog)."""
        whole = any(child.id == "keys" for child in self.children)  # neither half composed nor half gone
        return whole and self.is_mounted and self in self.app.screen_stack

    @property
    def opening(self) -> bool:
        """Until its own parts are there."""
        return not self.seen

    def on_resize(self, event: events.Resize) -> None:
        """Choose the arrangement for this size."""
        width, height = event.size
        self.set_class(width < 70 or height < 18, "-tiny")
        self.set_class(width < 110 or height < 34, "-compact")
        self.set_class(width >= 160 and height >= 48, "-wide")
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        """Draw what happened meanwhile."""
        self.desk.on_focus_moved()
        self.redraw()
        self.call_after_refresh(self.redraw)

    def watch_focused(self) -> None:
        """Keys go to another widget, or to none: the footer shows which still act."""
        self.desk.on_focus_moved()
        self.call_after_refresh(self._draw_keys)
        self.call_after_refresh(self._draw_lines)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """A new state; those that came together are drawn once."""
        message.stop()
        if not self._draws_soon:
            self._draws_soon = True
            self.call_later(self._draw_newest)

    def on_session_changed(self, message: SessionChanged) -> None:
        """Attached, let go or lost."""
        message.stop()
        self.redraw()

    def on_telemetry_arrived(self, message: TelemetryArrived) -> None:
        """Five times a second."""
        message.stop()
        if self.seen:
            self.draw_telemetry()
            self._draw_tiny()

    def on_noticed(self, message: Noticed) -> None:
        """Show a sentence for a few seconds."""
        message.stop()
        self._notice = StatusLine(message.text, message.tone)
        self._notice_ends = time.monotonic() + NOTICE_S
        self._draw_lines()

    def on_stop_unanswered(self, message: StopUnanswered) -> None:
        """The largest words there are, over everything."""
        message.stop()
        from screens.frame.dialogs import NoAnswer

        if self.seen and not isinstance(self.app.screen, NoAnswer):
            self.app.push_screen(NoAnswer(self.desk, message.doing))

    def on_stop_answered(self, message: StopAnswered) -> None:
        """The banner says how long it took."""
        message.stop()
        self.redraw()

    def _draw_newest(self) -> None:
        self._draws_soon = False
        self.redraw()

    def redraw(self) -> None:
        """Draw everything, if this screen is seen."""
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
        if self.desk.live and (self.desk.starting or self.desk.telemetry is None):
            self.draw_telemetry()

    def _draw_lines(self) -> None:
        if not self.seen:
            return
        clock = time.strftime("%H:%M", time.localtime(self.now()))
        holds, notice = banner(self.desk, self.size.width, typing=isinstance(self.focused, Input)), self._notice
        if notice and holds.text:  # what holds stays to be read: for its few seconds the notice takes the header
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
            now = moment(desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now())
            state = f"{now.word} {now.right} {now.right_label} {dot} {now.says}"
            state += f" {dot} {keys.stop_keys()} STOP" if desk.can_move else ""
        self.query_one("#tiny", Line).show(f"{state} {dot} 80x24 shows everything")

    def now(self) -> float:
        """Unix time; tests put it still."""
        return time.time()

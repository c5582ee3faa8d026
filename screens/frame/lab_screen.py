"""The frame that all screens share: header, alarm line, body, banner and keys."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input

from screens.desk.desk import Desk
from screens.desk.messages import (
    EpisodeWanted,
    Noticed,
    SessionChanged,
    SnapshotArrived,
    StopAnswered,
    StopUnanswered,
    TelemetryArrived,
)
from screens.frame.arm_actions import ArmActions
from screens.frame.bindings import BoundScreen
from screens.frame.header import header, kinds_of
from screens.frame.status_lines import StatusLine, alarm_line, banner
from screens.views import keys
from screens.views.alarms import Standing, after, shown, standing
from screens.views.measured import Part
from screens.views.phase import phase_view
from screens.widgets.keyline import KeyLine
from screens.widgets.line import Line, Sentence
from screens.widgets.tabline import TabLine
from services.live.snapshots import Snapshot

if TYPE_CHECKING:
    from screens.frame.registry import ScreenEntry

NOTICE_S = 5.0
ROOM = Part("80x24 shows everything", 3)
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
        return alarm_line(*self.alarmed, now=self.now(), choice=self.desk.alarm_choice, watching=self.desk.watching)

    @property
    def alarmed(self) -> tuple[Snapshot, ...]:
        """The sessions whose alarms this screen shows, the most important first."""
        return (self.desk.snapshot,)

    @property
    def alarm_now(self) -> Standing | None:
        """The alarm that the line shows."""
        return shown(standing(*self.alarmed), self.desk.alarm_choice)

    def action_next_alarm(self) -> None:
        """Show the next of several alarms, here and on every other screen."""
        self.desk.alarm_choice = after(standing(*self.alarmed), self.desk.alarm_choice)
        self.redraw()

    # --- the frame ------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Header and alarm line at the top, banner and keys at the bottom; none of them ever moves."""
        yield TabLine(id="header")
        yield Sentence(id="alarm")
        with Container(id="body"):
            yield from self.body()
        yield Sentence(id="tiny")
        yield Sentence(id="banner")
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
        stack = self.app.screen_stack
        return complete and self.is_mounted and self in stack and not _covered(self, stack)

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
        self._notice = StatusLine.noticed(message)
        self._notice_ends = time.monotonic() + NOTICE_S
        self._draw_lines()

    def on_episode_wanted(self, message: EpisodeWanted) -> None:
        """Open the viewer over this screen if it is in front."""
        message.stop()
        if self.seen and self.app.screen is self:
            from screens.frame import registry

            viewer = registry.EPISODE.build(self.desk)
            viewer.link_state = self.link_state
            self.app.push_screen(viewer)

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
        self._draw_header()
        holds = banner(self.desk, typing=isinstance(self.focused, Input), here=self.entry.mode)
        alarm = self.alarm()
        notice = self._notice or StatusLine("")
        if notice.text and holds.text and not alarm.text:  # the banner keeps the hold
            alarm, notice = notice, StatusLine("")
        self._show_line("#alarm", alarm)
        self._show_line("#banner", notice if notice.text else holds)

    def _draw_header(self) -> None:
        if self.app.screen is self:
            for kind in kinds_of(self.entry):
                self.desk.attention.see(kind)
        line, tabs = header(self.desk, self.entry, self.link_state, self.size.width, self.now())
        self.query_one("#header", TabLine).draw(line, tabs)

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A tab was clicked."""
        message.stop()
        self.action_go(message.mode)

    def _show_line(self, where: str, line: StatusLine) -> None:
        widget = self.query_one(where, Line)
        widget.tone(line.tone if line.text else "")
        if isinstance(widget, Sentence):
            widget.say(line.fitting(widget.size.width))
        else:
            widget.show(line.text)

    def tiny_parts(self) -> tuple[Part, ...]:
        """What a very small terminal shows instead of the body."""
        desk = self.desk
        training = desk.training.snapshot.training
        if not desk.live and desk.training.live and training is not None:
            from services.log.headline import loss_of, steps_made

            return (Part("training runs"), Part(steps_made(training)), Part(loss_of(training), 1), ROOM)
        if not desk.live:
            return (Part("arm idle, no session running"), ROOM)
        view = phase_view(desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now())
        numbers = Part(f"{view.word} {view.left} {view.left_label} {view.right} {view.right_label}".strip())
        stop = (Part(f"{keys.stop_keys()} STOP"),) if desk.can_move else ()
        return (numbers, *view.parts, *stop, ROOM)

    def _draw_tiny(self) -> None:
        if self.has_class("-tiny"):
            self.query_one("#tiny", Sentence).say(self.tiny_parts())

    def now(self) -> float:
        """Unix time; tests replace it."""
        return time.time()


def _covered(screen: LabScreen, stack: Sequence[Screen[Any]]) -> bool:
    """Whether another whole screen lies over this one: a dialog hides nothing."""
    return any(isinstance(over, LabScreen) for over in stack[stack.index(screen) + 1 :])

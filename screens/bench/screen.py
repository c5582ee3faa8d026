"""Bench: equipment and sessions; teleoperate without recording, go to rest, release."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from screens.arm_session.camera_views import VIEW_KEYS, CameraViewsScreen
from screens.bench.arm_panel import ArmPanel
from screens.bench.board_panel import BoardPanel
from screens.desk.messages import SessionChanged
from screens.frame import registry
from screens.frame.arm_actions import ARM_SESSION_KEYS, NOTE_KEY
from screens.frame.lab_screen import ROOM
from screens.views import keys
from screens.views.alarms import large
from screens.views.arm_state import Bench, arm_view
from screens.views.equipment import other_lines, part_line, retried_lines, warning_lines
from screens.views.measured import Part
from screens.views.record_panels import joints_footer, legend
from screens.views.signs import clean
from screens.widgets.ascii import fitting
from screens.widgets.joints import JointBars
from screens.widgets.line import Lines
from screens.widgets.pictures import Pictures
from screens.widgets.rows import RowList
from screens.widgets.titles import set_titles
from services import arm_commands
from services.bench import equipment
from services.bench.equipment import Equipment, inspect
from services.live.phases import arm_only
from services.live.requests import Purpose
from services.live.running import Running
from sessions.document import Session
from sessions.models import SessionKind

REFRESH_S = 3.0
FIRST_REFRESH_S = 0.1
"""Leaves time for the first paint before anything is imported or read."""
NARROW, SHORT = 96, 28
"""Below these many columns or rows there is room for one picture."""


class BenchScreen(CameraViewsScreen):
    """The first screen."""

    CSS_PATH = "bench.tcss"
    FOOTER: ClassVar[tuple[str, ...]] = (
        "take_over", "attach", "open", "teleoperate", "pause", "rest", "release", "finish", "hold", "choose_bench",
        "note", "enlarge", "details",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "teleoperate", "teleoperate", id="bench.teleoperate", tooltip="Follow the leader, record nothing"),
        *ARM_SESSION_KEYS,
        NOTE_KEY,
        *VIEW_KEYS,
        Binding("a", "attach", "attach", id="bench.attach", tooltip="Attach to the session that runs"),
        Binding("enter", "open", "open", id="bench.open", tooltip="Open the chosen row, or attach to what runs"),
        Binding("b", "choose_bench", "other bench", id="bench.choose", tooltip="Use another bench of lab.toml"),
        Binding("H", "hold", "hold", id="bench.hold",
                tooltip="Start a session that holds the arm where it is and shows where that is"),
        Binding("up", "move(-1)", "up", show=False, id="bench.up", tooltip="The row above"),
        Binding("down", "move(1)", "down", show=False, id="bench.down", tooltip="The row below"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """Pictures at the top; below them the list and the arm, its joints and the equipment, in a grid."""
        yield Pictures()
        with Container(id="below"):
            yield BoardPanel(self.desk)
            with Container(id="phase-box", classes="panel"):
                yield ArmPanel()
            with Vertical(id="joints-box", classes="panel"):
                yield JointBars()
                yield Lines(id="joints-foot")
            with Container(id="bench-box", classes="panel"):
                yield Lines(id="parts")

    def on_mount(self) -> None:
        self._equipment = Equipment()
        self._refreshed_once = False
        self.query_one("#joints-box").border_title = legend()
        self.set_interval(REFRESH_S, self._refresh_runs)
        self.set_timer(FIRST_REFRESH_S, self._refresh_all)

    def on_resize(self, event: events.Resize) -> None:
        """Between 80x24 and 120x40 there is room for a second picture."""
        width, height = event.size
        self.set_class(width < NARROW or height < SHORT, "-small")

    # --- reading (in threads) -------------------------------------------------------------------

    def _refresh_all(self) -> None:
        self._refreshed_once = True
        self._load_equipment()

    @work(group="look", exclusive=True)
    async def _load_equipment(self) -> None:
        self._equipment = await asyncio.to_thread(inspect, self.desk.profile, self.desk.folder)
        self.redraw()
        for panel in self.query(BoardPanel):  # none if the console is closing
            panel.reload()

    def _refresh_runs(self) -> None:
        if self.seen:
            self.query_one(BoardPanel).refresh_runs()

    def on_screen_resume(self) -> None:
        """A session may have ended while the screen was hidden."""
        if self._refreshed_once:
            self._refresh_all()

    def on_session_changed(self, message: SessionChanged) -> None:
        self._refresh_all()

    # --- drawing --------------------------------------------------------------------------------

    @property
    def shows_session(self) -> bool:
        """Bench shows every session with an arm that is attached."""
        return self.desk.kind is not SessionKind.TRAIN

    @property
    def cameras(self) -> Mapping[str, Mapping[str, Any]]:
        """The cameras that the session connects: none where it is to hold, rest or release only."""
        return {} if arm_only(self.desk.snapshot) else super().cameras

    @property
    def shows_one_camera(self) -> bool:
        return self.has_class("-small")

    def draw(self) -> None:
        box = self.query_one("#bench-box")
        set_titles(box, fitting(box, Content(f"bench {clean(self.desk.profile.name)}")))
        set_titles(self.query_one("#phase-box"), Content("arm"))
        self.set_class(not self.desk.live, "-still")
        self.set_class(bool(self._equipment.warnings), "-warned")
        self.draw_pictures()
        self.query_one(BoardPanel).draw(self.now())

    def draw_telemetry(self) -> None:
        """Device states, the arm, joints and pictures."""
        telemetry = self.desk.telemetry
        self._draw_equipment()
        self.query_one(ArmPanel).show_arm(arm_view(self._bench()), large(self.alarm_now))
        if telemetry is None:
            return
        self.query_one(JointBars).show(telemetry.joints, telemetry.leader)
        loop = Content(joints_footer(telemetry)[0])
        self.query_one("#joints-foot", Lines).show([loop, *retried_lines(telemetry)])
        self.request_previews()
        self.query_one(Pictures).show(telemetry)

    def tiny_parts(self) -> tuple[Part, ...]:
        """The arm's state and what to press."""
        view = arm_view(self._bench())
        stop = (Part(f"{keys.stop_keys()} STOP"),) if self.check_action("stop", ()) else ()
        return (Part(view.word, tone=view.tone), Part(view.state), *stop, *view.sentence, ROOM)

    def _draw_equipment(self) -> None:
        desk, parts = self.desk, self.query_one("#parts", Lines)
        others = [name for name in desk.benches.profiles if name != desk.profile.name and not desk.live]
        width = parts.size.width or 60
        lines = [part_line(p, desk.telemetry, width, needed=self._needs(p)) for p in self._equipment.parts]
        lines += warning_lines(self._equipment, width)
        lines += [Content(""), *other_lines(desk.profile, self._equipment, others, width)] if lines else []
        parts.show(lines)

    def _needs(self, part: equipment.Part) -> bool:
        """Whether the session connects this part of the bench."""
        if part.name == "leader" and self.desk.kind is SessionKind.EVAL:
            return False
        return part.name == "follower" or not arm_only(self.desk.snapshot)

    def _bench(self) -> Bench:
        """What is known of the arm."""
        desk, board = self.desk, self.query_one(BoardPanel)
        return Bench(
            desk.profile, desk.snapshot, desk.telemetry, live=desk.live, driving=desk.driving,
            holder=None if desk.live else board.holder, last=board.last, read=board.read, now=self.now(),
        )  # fmt: skip

    # --- keys -----------------------------------------------------------------------------------

    @property
    def _arm_in_use(self) -> bool:
        """Whether a session has this arm while none is attached here: a second worker could not open it."""
        return not self.desk.live and self.query_one(BoardPanel).holder is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`open` and `move` need rows; `attach` needs a running session; the arm's keys need a free arm."""
        if action in ("open", "move"):
            return self.query_one(BoardPanel).choosable
        if action == "attach":
            return self._attachable is not None
        if action in ("enlarge", "details"):
            return bool(self.cameras)
        if action in ("teleoperate", "rest", "release", "hold") and self._arm_in_use:
            return False
        if action == "stop" and self._arm_in_use:  # anyone's stop is obeyed
            return True
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """While no session is attached, stop the one that has this arm: nothing is open here that Esc could close."""
        if self.desk.live:
            super().action_back()
        else:
            self.desk.stop()

    def close_open(self) -> None:
        """Esc closes the enlarged picture."""
        self.query_one(Pictures).large = ""
        self.draw_pictures()

    # --- the list -------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self.query_one(BoardPanel).move(by)
        self.redraw()

    def on_board_panel_changed(self, message: BoardPanel.Changed) -> None:
        """Which keys act may have changed."""
        message.stop()
        self.redraw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """The mouse chose a row."""
        message.stop()
        self.query_one(BoardPanel).settle()
        self.redraw()

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen row."""
        message.stop()
        if self.check_action("open", ()):
            self.action_open()

    @property
    def _attachable(self) -> Running | None:
        """What `attach` attaches to; while a session starts here, nothing but a training."""
        item = self.query_one(BoardPanel).attachable
        started = item.snapshot.started if item else None
        trains = started is not None and started.kind is SessionKind.TRAIN
        return item if trains or not self.desk.starting else None

    def action_attach(self) -> None:
        if self._attachable is not None:
            self._join(self._attachable)

    def _join(self, item: Running) -> None:
        started = item.snapshot.started
        self.desk.join(item.run, started.kind if started else None)
        self._show_screen_of(item)

    def action_open(self) -> None:
        """Attach to what runs, or open what is over where it is shown best."""
        from services.log.board import DatasetProgress, TrainingResult

        board = self.query_one(BoardPanel)
        match board.chosen:
            case Running() as item if board.attachable is item and self._attachable is not None:
                self._join(item)
            case Running() as item:
                self._show_screen_of(item)
            case DatasetProgress(session=None):
                self.desk.refuse("this dataset was not recorded here, so the log has no session of it")
            case DatasetProgress(session=Session() as session) | (Session() as session):
                self.desk.opened = session.id
                self.app.switch_mode("log")
            case TrainingResult(session=session):
                self.desk.runs.open(session.id)
                self.app.switch_mode("train")

    def _show_screen_of(self, item: Running) -> None:
        """Open the screen for this kind of session; a bench session stays here."""
        started = item.snapshot.started
        if started and (entry := registry.shows(started.kind)):
            self.app.switch_mode(entry.mode)

    # --- the arm --------------------------------------------------------------------------------

    def action_teleoperate(self) -> None:
        if self.desk.live and self.desk.link:
            self.desk.order(arm_commands.follow(self.desk.link))
        else:
            self.desk.start_bench(Purpose.TELEOPERATE)

    def action_hold(self) -> None:
        """Hold the arm with a new worker, e.g. after another program died."""
        self.desk.start_bench(Purpose.HOLD, rescue=True)

    def action_choose_bench(self) -> None:
        from screens.frame.dialogs import Choice, Question

        names = list(self.desk.benches.profiles)
        choices = [Choice(str(at), clean(name), str(at)) for at, name in enumerate(names[:9], 1)]
        self.app.push_screen(Question(self.desk, "Use which bench?", [], choices), self._use_bench)

    def _use_bench(self, answer: str | None) -> None:
        if answer:
            self.desk.use_bench(list(self.desk.benches.profiles)[int(answer) - 1])
            self._refresh_all()

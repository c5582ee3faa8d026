"""Bench: equipment and sessions; teleoperate without recording, go to rest, release."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from screens.bench.today_panel import TodayPanel
from screens.desk.messages import SessionChanged
from screens.frame import registry
from screens.frame.arm_actions import ARM_SESSION_KEYS, NOTE_KEY
from screens.frame.lab_screen import LabScreen
from screens.views import keys
from screens.views.equipment import other_lines, part_line, warning_lines
from screens.views.phase import phase_view
from screens.views.phase_view import PhaseView
from screens.views.record_panels import joints_footer, legend
from screens.views.signs import clean
from screens.widgets.joints import JointBars
from screens.widgets.line import Line, Lines
from screens.widgets.phase import PhasePanel
from screens.widgets.rows import RowList
from services import arm_commands
from services.bench.equipment import Equipment, Part, inspect
from services.live.phases import arm_only
from services.live.requests import Purpose
from services.live.running import Running
from services.tone import Tone
from sessions.models import SessionKind

REFRESH_S = 3.0
FIRST_REFRESH_S = 0.1
"""Leaves time for the first paint before anything is imported or read."""


class BenchScreen(LabScreen):
    """The first screen."""

    CSS_PATH = "bench.tcss"
    FOOTER: ClassVar[tuple[str, ...]] = (
        "attach", "pause", "go('record')", "go('train')", "go('evaluate')", "go('log')",
        "teleoperate", "rest", "release", "open", "take_over",
        "finish", "choose_bench", "note", "hold",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "teleoperate", "teleoperate", id="bench.teleoperate", tooltip="Follow the leader, record nothing"),
        *ARM_SESSION_KEYS,
        NOTE_KEY,
        Binding("a", "attach", "attach", id="bench.attach", tooltip="Attach to the chosen session that runs"),
        Binding("enter", "open", "open", id="bench.open", tooltip="Open the chosen session, or attach"),
        Binding("b", "choose_bench", "other bench", id="bench.choose", tooltip="Use another bench of lab.toml"),
        Binding("H", "hold", "hold", id="bench.hold", tooltip="Start a worker that holds the arm where it is"),
        Binding("up", "move(-1)", "up", show=False, id="bench.up", tooltip="The row above"),
        Binding("down", "move(1)", "down", show=False, id="bench.down", tooltip="The row below"),
    ]

    def body(self) -> ComposeResult:
        """Today and the bench at the top, the arm below."""
        with Horizontal(id="tables"):
            yield TodayPanel(self.desk)
            with Container(id="bench-box", classes="panel"):
                yield Lines(id="parts")
        with Horizontal(id="arm"):
            with Container(id="phase-box", classes="panel"):
                yield PhasePanel()
            with Vertical(id="joints-box", classes="panel"):
                yield JointBars()
                yield Line(id="joints-foot")

    def on_mount(self) -> None:
        self._equipment = Equipment()
        self._refreshed_once = False
        self.query_one("#joints-box").border_title = legend()
        self.set_interval(REFRESH_S, self._refresh_runs)
        self.set_timer(FIRST_REFRESH_S, self._refresh_all)

    # --- reading (in threads) -------------------------------------------------------------------

    def _refresh_all(self) -> None:
        self._refreshed_once = True
        self._load_equipment()

    @work(group="look", exclusive=True)
    async def _load_equipment(self) -> None:
        self._equipment = await asyncio.to_thread(inspect, self.desk.profile, self.desk.folder)
        self.redraw()
        for panel in self.query(TodayPanel):  # none if the console is closing
            panel.reload()

    def _refresh_runs(self) -> None:
        if self.seen:
            self.query_one(TodayPanel).refresh_runs()

    def on_screen_resume(self) -> None:
        """A session may have ended while the screen was hidden."""
        if self._refreshed_once:
            self._refresh_all()

    def on_session_changed(self, message: SessionChanged) -> None:
        self._refresh_all()

    # --- drawing --------------------------------------------------------------------------------

    def draw(self) -> None:
        self.query_one("#bench-box").border_title = Content(f"bench {clean(self.desk.profile.name)}")
        self.query_one("#phase-box").border_title = "arm"
        self.set_class(not self.desk.live, "-still")
        self.query_one(TodayPanel).draw()

    def draw_telemetry(self) -> None:
        """Device states, phase, joints."""
        desk = self.desk
        telemetry = desk.telemetry
        others = [name for name in desk.benches.profiles if name != desk.profile.name]
        parts = self.query_one("#parts", Lines)
        width = parts.size.width or 60
        lines = [part_line(p, telemetry, width, needed=self._needs(p)) for p in self._equipment.parts]
        lines += warning_lines(self._equipment, width)
        lines += [Content(""), *other_lines(desk.profile, self._equipment, others)] if lines else []
        parts.show(lines)
        self.query_one(PhasePanel).show(self._phase_view())
        if telemetry is not None:
            self.query_one(JointBars).show(telemetry.joints, telemetry.leader)
            self.query_one("#joints-foot", Line).show(joints_footer(telemetry)[0])

    def _needs(self, part: Part) -> bool:
        """Whether the session connects this part of the bench."""
        if part.name == "leader" and self.desk.kind is SessionKind.EVAL:
            return False
        return part.name == "follower" or not arm_only(self.desk.snapshot)

    def _phase_view(self) -> PhaseView:
        desk = self.desk
        if self._arm_in_use:
            return PhaseView(
                "IN USE",
                Tone.WARNING,
                f"a session has this arm: {keys.ATTACH} attaches to it, "
                f"then {keys.PAUSE}, {keys.REST} and {keys.RELEASE} act on it",
            )
        if desk.link is None:
            return PhaseView(
                "IDLE",
                Tone.QUIET,
                f"no session runs: {keys.RECORD} records, {keys.TELEOPERATE} teleoperates without recording",
            )
        return phase_view(desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now())

    # --- keys -----------------------------------------------------------------------------------

    @property
    def _arm_in_use(self) -> bool:
        """Whether a session has this arm while none is attached here: a second worker could not open it."""
        return not self.desk.live and self.query_one(TodayPanel).runs_here

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`open` and `move` need rows; `attach` needs a running session; the arm's keys need a free arm."""
        if action in ("open", "move"):
            return bool(self.query_one(TodayPanel).rows)
        if action == "attach":
            return self._attachable is not None
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

    def action_move(self, by: int) -> None:
        self.query_one(RowList).move(by)
        self.redraw()

    def on_today_panel_changed(self, message: TodayPanel.Changed) -> None:
        """Which keys act may have changed."""
        message.stop()
        self.redraw()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """The mouse chose a row."""
        message.stop()
        self.redraw()

    @property
    def _attachable(self) -> Running | None:
        """What `attach` attaches to; while a session starts here, nothing but a training."""
        item = self.query_one(TodayPanel).attachable
        started = item.snapshot.started if item else None
        trains = started is not None and started.kind is SessionKind.TRAIN
        return item if trains or not self.desk.starting else None

    def action_attach(self) -> None:
        item = self._attachable
        if item is not None:
            started = item.snapshot.started
            self.desk.join(item.run, started.kind if started else None)
            self._show_screen_of(item)

    def action_open(self) -> None:
        """Attach to a running session, or open an ended one in the Log."""
        panel = self.query_one(TodayPanel)
        if (session := panel.chosen_session) is not None:
            self.desk.opened = session.id
            self.app.switch_mode("log")
        elif self._attachable is not None:
            self.action_attach()
        elif panel.chosen_running is not None:
            self._show_screen_of(panel.chosen_running)

    def _show_screen_of(self, item: Running) -> None:
        """Open the screen for this kind of session; a bench session stays here."""
        started = item.snapshot.started
        if started and (entry := registry.shows(started.kind)):
            self.app.switch_mode(entry.mode)

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen row."""
        message.stop()
        if self.check_action("open", ()):
            self.action_open()

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

"""Evaluate: the policy tries, the operator judges with one key; before and after a session the form of the next one."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from screens.arm_session.camera_views import LOOK_KEYS
from screens.arm_session.screen import ArmSessionScreen, joints_box, phase_box, tally_box
from screens.desk.messages import SnapshotArrived
from screens.evaluate.form import EvaluateForm
from screens.frame import availability
from screens.frame.arm_actions import ARM_SESSION_KEYS, NOTE_KEY
from screens.frame.form import Form
from screens.views import keys, trial_tally, trials
from screens.views.phase import moment
from screens.views.phase_view import PhaseView
from screens.views.signs import clean
from screens.views.trial_strip import trial_strip
from screens.widgets.line import Line, Lines
from services.evaluation import plan as evaluation
from services.live import events as ev
from services.live import protocol
from services.live.requests import EvalRequest
from sessions.models import EndedBy, SessionKind, Verdict
from sessions.trials import place

FRESH_S = 1.0
"""How long a verdict is the one big thing."""

MODE_KEYS: list[BindingType] = [
    Binding(str(digit), f"annotate({digit})", f"mode {digit}", show=False, id=f"evaluate.mode-{digit}",
            tooltip="How the last trial failed, as lab.toml has it; may be changed until the next one starts")
    for digit in range(1, trials.MODES_MOST + 1)
]  # fmt: skip


class EvaluateScreen(ArmSessionScreen):
    """The session with a policy and trials."""

    KIND = SessionKind.EVAL
    GUIDE = "policy"
    CSS_PATH: ClassVar = ["evaluate.tcss", "../arm_session/arm_session.tcss", "../frame/form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "new", "judge('success')", "judge('failure')", "judge('void')", "trial", "undo", "rest", "release",
        "take_over", "note", "finish", "enlarge", "details",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "trial", "trial", id="evaluate.trial", tooltip="Start the next trial, or end this one"),
        Binding("s", "judge('success')", "success", id="evaluate.success", tooltip="It did the task; ends the trial"),
        Binding("f", "judge('failure')", "failure", id="evaluate.failure", tooltip="It failed; ends the trial"),
        Binding("v", "judge('void')", "void", id="evaluate.void", tooltip="It does not count and is repeated"),
        Binding("u", "undo", "undo", id="evaluate.undo", tooltip="Take the last verdict back, before the next trial"),
        *MODE_KEYS,
        *ARM_SESSION_KEYS,
        NOTE_KEY,
        *LOOK_KEYS,
        Binding("N", "new", "new evaluation", id="evaluate.new", tooltip="Choose a checkpoint and evaluate it"),
    ]

    # --- the body -------------------------------------------------------------------------------

    def panels(self) -> Iterator[Any]:
        """The big thing over the joints; tally over policy."""
        yield Vertical(phase_box(), joints_box(), id="middle")
        policy = Container(Line(id="policy-text"), id="policy", classes="panel")
        yield Vertical(tally_box(), policy, id="side")

    def below(self) -> Iterator[Any]:
        """The failure modes while they can be said, and the strip of trials."""
        yield Line(id="modes")
        yield Line(id="strip")

    def on_mount(self) -> None:
        """No verdict was given a moment ago."""
        self._fresh, self._fresh_until = 0, 0.0
        self.query_one("#policy").border_title = "policy"

    def on_screen_resume(self) -> None:
        """Train may have chosen a checkpoint, or made some."""
        if self.desk.chosen_checkpoint and not self.desk.live:
            self._wants_form = True
        for form in self.query(EvaluateForm):
            form.take_chosen()

    # --- drawing --------------------------------------------------------------------------------

    def new_form(self) -> Form:
        """Which checkpoint, which task, how often and how long."""
        return EvaluateForm(self.desk)

    def heading(self) -> str:
        """The task."""
        started = self.desk.snapshot.started
        return started.task if started else ""

    def cameras_first(self) -> Collection[str]:
        """What the policy looks at."""
        policy = self.desk.snapshot.policy
        return policy.cameras if policy and self.mine else ()

    def moment(self) -> PhaseView:
        """The verdict for a second, else the phase."""
        desk = self.desk
        fresh = self._fresh if time.monotonic() < self._fresh_until else 0
        return moment(desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now(), fresh=fresh)

    def draw(self) -> None:
        """What every session shows; the line above the strip; the policy."""
        super().draw()
        if self.shows_form:
            return
        snapshot, line = self.desk.snapshot, self.query_one("#modes", Line)
        condition = trials.condition(snapshot) if self.mine else ""
        self.query_one("#phase-box").border_subtitle = Content(clean(f"condition: {condition}") if condition else "")
        asks = self.mine and availability.may("annotate", self.desk) and bool(trials.modes(snapshot))
        compact = self.has_class("-compact") and self.mine
        line.show(trials.modes_line(snapshot) if asks else trial_tally.summary(snapshot) if compact else "")

    def draw_telemetry(self) -> None:
        """What every session shows, and how the inference runs."""
        super().draw_telemetry()
        if not self.shows_form:
            self._draw_policy()

    def _draw_policy(self) -> None:
        """The policy; where the joints' foot is not seen, the inference first: it is what changes."""
        parts, telemetry = [trials.policy_text(self.desk.snapshot)], self.desk.telemetry
        if telemetry is not None and self.desk.live and self.has_class("-compact"):
            parts.insert(0, trials.loop_lines(telemetry)[1])
        self.query_one("#policy-text", Line).show(Content("\n").join(parts))

    def strip(self) -> Content:
        """The trials."""
        return trial_strip(self.desk.snapshot, self.size.width)

    def tally(self) -> list[Content]:
        """Verdicts, rate, failure modes."""
        width = self.query_one("#tally-lines", Lines).size.width or 30
        return trial_tally.tally(self.desk.snapshot, width, asks=availability.may("annotate", self.desk))

    def foot(self, telemetry: protocol.Telemetry) -> list[Content]:
        """The loop and the inference beside it."""
        return trials.loop_lines(telemetry)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """A verdict that came back is on disk: it is the one big thing for a second.

        Textual calls the base class's handler, which draws, after this one.
        """
        event = message.event
        if isinstance(event, ev.TrialJudged):
            self._fresh, self._fresh_until = event.trial, time.monotonic() + FRESH_S
            self.set_timer(FRESH_S, self.redraw)
        elif isinstance(event, ev.TrialEnded) and event.reason is EndedBy.VERDICT:
            message.prevent_default()  # the verdict follows at once: drawing now would only keep it waiting

    # --- keys -----------------------------------------------------------------------------------

    def all_actions(self) -> list[tuple[str, str, str, bool, str]]:
        """Without pause, which an evaluation has not, and the digits that stand for no failure mode."""
        most = len(trials.modes(self.desk.snapshot) or self.desk.profile.failure_modes)
        beyond = {f"annotate({digit})" for digit in range(most + 1, trials.MODES_MOST + 1)}
        return [row for row in super().all_actions() if row[4] not in beyond | {"pause"}]

    def action_trial(self) -> None:
        """Space: start the next trial, or end this one."""
        if self.desk.link:
            self.desk.order(evaluation.start_or_end_trial(self.desk.link))

    def action_judge(self, verdict: str) -> None:
        """One key, one verdict."""
        if self.desk.link:
            self.desk.order(evaluation.judge(self.desk.link, Verdict(verdict), self.desk.operator))

    def action_undo(self) -> None:
        """Take the last verdict back."""
        if self.desk.link:
            self.desk.order(evaluation.undo(self.desk.link))

    def action_annotate(self, digit: int) -> None:
        """Say how it failed."""
        named = trials.modes(self.desk.snapshot)
        if digit > len(named):
            self.desk.refuse(f"there is no failure mode {digit}: lab.toml names {len(named)}")
        elif self.desk.link:
            self.desk.order(evaluation.annotate(self.desk.link, named[digit - 1]))

    def action_finish(self) -> None:
        """End the session; asks first where a trial has no verdict."""
        from screens.frame.dialogs import Choice, Question

        pending = self.desk.snapshot.pending
        if pending is None:
            super().action_finish()
            return
        title = f"Finish? Trial {place(self.desk.snapshot.trials, pending.index)} has no verdict."
        choices = [
            Choice("j,enter", f"judge it first: {keys.verdicts()}", "judge"),
            Choice("y", "finish without it: the trial does not count", "finish"),
        ]
        self.app.push_screen(Question(self.desk, title, [], choices), self._finish_unjudged)

    def _finish_unjudged(self, answer: str | None) -> None:
        if answer == "finish":
            super().action_finish()

    def on_form_planned(self, message: Form.Planned) -> None:
        """Start what was planned."""
        request, folder = message.request, self.desk.folder
        if isinstance(request, EvalRequest):
            self.desk.start(lambda: evaluation.begin(folder, request), SessionKind.EVAL)

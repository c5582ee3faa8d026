"""Evaluate: the policy acts, the operator judges with one key; the form of the next session."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from textual.actions import parse
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from screens.arm_session.camera_views import VIEW_KEYS
from screens.arm_session.ghost import Proposal
from screens.arm_session.screen import joints_box, phase_box, tally_box
from screens.desk.messages import SnapshotArrived
from screens.evaluate import ghosts
from screens.evaluate.conclusions import Conclusions
from screens.evaluate.form import EvaluateForm
from screens.evaluate.new_mode import NEW_MODE_KEY, NewMode
from screens.evaluate.unblinding import UNBLIND_KEY, Unblinding
from screens.frame import availability
from screens.frame.arm_actions import ARM_SESSION_KEYS, NOTE_KEY
from screens.frame.bindings import Action
from screens.frame.form import Form
from screens.views import keys, preflight, resets, trial_tally, trials
from screens.views.equipment import retried_lines
from screens.views.phase import phase_view
from screens.views.phase_view import PhaseView
from screens.views.signs import clean
from screens.views.start_scene import request_of, to_come
from screens.views.trial_strip import trial_strip
from screens.widgets.ascii import fitting
from screens.widgets.line import Line, Lines
from screens.widgets.place_map import PlaceMap
from screens.widgets.titles import set_subtitle
from services.evaluation import plan as evaluation
from services.live import events as ev
from services.live import intents, protocol
from services.live.link import Answered, Link
from services.live.requests import EvalRequest
from sessions.models import EndedBy, SessionKind, Verdict
from sessions.trials import place

DROP_S = 1.0
"""How long a digit counts as typed together with the verdict key before it."""
FRESH_S = 1.0
"""How long a verdict takes the phase panel."""

MODE_KEYS: list[BindingType] = [
    Binding(str(digit), f"annotate({digit})", f"mode {digit}", show=False, id=f"evaluate.mode-{digit}",
            tooltip="How the last trial failed, by lab.toml or the log; may be changed until the next one starts")
    for digit in range(1, trials.MODES_MOST + 1)
]  # fmt: skip


class EvaluateScreen(NewMode, Unblinding):
    """A session with a policy and trials."""

    KIND = SessionKind.EVAL
    GUIDE = "policy"
    CSS_PATH: ClassVar = ["evaluate.tcss", "../arm_session/arm_session.tcss", "../frame/form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "new", "take_over", "trial", "judge('success')", "judge('failure')", "judge('void')", "undo", "rest", "finish",
        "pause", "release", "note", "look_at_last", "enlarge", "details",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "trial", "trial", id="evaluate.trial", tooltip="Start the next trial, or end this one"),
        Binding(
            "D", "practice", "practice", show=False, id="evaluate.practice", tooltip="Start a trial that does not count"
        ),
        Binding(
            "k",
            "preflight",
            "preflight",
            show=False,
            id="evaluate.preflight",
            tooltip="What was looked at before the first trial: good, warning or bad, and what mends it; look again",
        ),
        Binding("s", "judge('success')", "success", id="evaluate.success", tooltip="It did the task; ends the trial"),
        Binding("f", "judge('failure')", "failure", id="evaluate.failure", tooltip="It failed; ends the trial"),
        Binding("v", "judge('void')", "void", id="evaluate.void", tooltip="It does not count and is repeated"),
        Binding("u", "undo", "undo", id="evaluate.undo", tooltip="Take the last verdict back, before the next trial"),
        *MODE_KEYS,
        NEW_MODE_KEY,
        UNBLIND_KEY,
        Binding(
            "full_stop",
            "stage(1)",
            "stage reached",
            show=False,
            id="evaluate.stage",
            tooltip="The trial reached the next stage of its task, as lab.toml has them",
        ),
        Binding("comma", "stage(-1)", "stage back", show=False, id="evaluate.stage-back", tooltip="One stage fewer"),
        Binding(
            "h",
            "assist",
            "helped",
            show=False,
            id="evaluate.assist",
            tooltip="You helped in this trial: it is no success; again: you did not",
        ),
        *ARM_SESSION_KEYS,
        NOTE_KEY,
        *VIEW_KEYS,
        Binding("N", "new", "new evaluation", id="evaluate.new", tooltip="Choose a checkpoint and evaluate it"),
    ]

    # --- the body -------------------------------------------------------------------------------

    def panels(self) -> Iterator[Any]:
        """Phase panel above joints; tally above policy."""
        place = Container(PlaceMap(), id="place", classes="panel")
        yield Vertical(phase_box(), joints_box(), place, id="middle")
        policy = Container(Line(id="policy-text"), id="policy", classes="panel")
        yield Vertical(tally_box(), policy, id="side")

    def below(self) -> Iterator[Any]:
        """The failure modes while they can be chosen, and the strip of trials."""
        yield Line(id="modes")
        yield Line(id="strip")

    def on_mount(self) -> None:
        self._fresh, self._fresh_until = 0, 0.0
        self._conclusions = Conclusions(self.desk, self.redraw)
        self._failing: Answered | None = None
        self._refused_at = -DROP_S
        """When a verdict key did nothing, or its verdict was refused: a digit typed with it is for no earlier trial."""
        self.query_one("#policy").border_title = "policy"
        self.query_one("#place").border_title = "where the object goes, from above"

    def on_screen_resume(self) -> None:
        """A checkpoint may have been chosen on Train, or saved by it."""
        if self.desk.chosen_checkpoint and not self.desk.live:
            self._wants_form = True
        for form in self.query(EvaluateForm):
            form.take_chosen()

    # --- drawing --------------------------------------------------------------------------------

    def new_form(self) -> Form:
        return EvaluateForm(self.desk)

    def heading(self) -> str:
        """The task."""
        started = self.desk.snapshot.started
        return started.task if started else ""

    def preferred_cameras(self) -> Collection[str]:
        """The cameras that the policy uses."""
        policy = self.desk.snapshot.policy
        return policy.cameras if policy and self.shows_session else ()

    def ghosts(self) -> Iterator[Proposal]:
        return ghosts.of_session(self.desk)

    def ghosts_of_log(self) -> Iterator[Proposal]:
        return ghosts.of_log(self.desk)

    @property
    def camera_names(self) -> Mapping[str, str]:
        return ghosts.camera_names(self.desk)

    def phase_view(self) -> PhaseView:
        """A new verdict for a second, else the phase."""
        desk = self.desk
        fresh = self._fresh if time.monotonic() < self._fresh_until else 0
        return phase_view(
            desk.snapshot,
            desk.telemetry,
            driving=desk.driving,
            now=self.now(),
            fresh=fresh,
            stopped=desk.stopped_at_start,
        )

    def draw(self) -> None:
        """The session, plus condition and failure modes (or a summary where the tally is hidden)."""
        super().draw()
        if self.shows_form:
            return
        snapshot, line = self.desk.snapshot, self.query_one("#modes", Line)
        condition = trials.condition(snapshot) if self.shows_session else ""
        box = self.query_one("#phase-box")
        set_subtitle(box, fitting(box, Content(clean(f"condition: {condition}") if condition else "")))
        self._draw_place()
        annotatable = self.shows_session and availability.may("annotate", self.desk) and bool(trials.modes(snapshot))
        compact = self.has_class("-compact") and self.shows_session
        stages = trials.stages_line(snapshot) if self.shows_session else None
        if annotatable:
            line.show(trials.modes_line(snapshot, line.size.width or self.size.width - 4))
        else:
            line.show(stages or (trial_tally.summary(snapshot) if compact else ""))

    def _draw_place(self) -> None:
        """Between trials, where the object goes for the next one."""
        request, slot = request_of(self.desk.snapshot), to_come(self.desk.snapshot) if self.shows_session else None
        placed = request is not None and slot is not None and slot.condition is not None and slot.condition.place
        self.query_one("#middle").set_class(bool(placed), "-placing")  # on the screen it would restyle everything
        if placed and request is not None and slot is not None:
            self.query_one(PlaceMap).draw_places(request.conditions, slot.name)

    def draw_telemetry(self) -> None:
        """The session, plus the policy and its inference."""
        super().draw_telemetry()
        if not self.shows_form:
            self._draw_policy()

    def _draw_policy(self) -> None:
        """The policy; in a small terminal, where the loop lines are hidden, the inference comes first."""
        lines, telemetry = [trials.policy_text(self.desk.snapshot)], self.desk.telemetry
        if (measured := trials.measured_line(self.desk.snapshot)) is not None:
            lines.insert(0, measured)
        lines += preflight.panel(self.desk.snapshot)
        if telemetry is not None and self.desk.live and self.has_class("-compact"):
            lines.insert(0, trials.loop_lines(telemetry)[1])
        self.query_one("#policy-text", Line).show(Content("\n").join(lines))

    def strip(self) -> Content:
        return trial_strip(self.desk.snapshot, self.size.width)

    def tally(self) -> list[Content]:
        room, said = self.query_one("#tally-lines", Lines).size, self._conclusions.of(self.desk.snapshot)
        may, snapshot = availability.may("annotate", self.desk), self.desk.snapshot
        return trial_tally.tally(
            snapshot, room.width or 30, annotatable=may, worked_out=said, height=room.height or 1000
        )

    def loop_lines(self, telemetry: protocol.Telemetry) -> list[Content]:
        return [*trials.loop_lines(telemetry), *retried_lines(telemetry)]

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        """Show a saved verdict for a second.

        Textual calls the base class's handler, which draws, after this one.
        """
        event = message.event
        if isinstance(event, ev.TrialJudged):
            self._fresh, self._fresh_until = event.trial, time.monotonic() + FRESH_S
            self.set_timer(FRESH_S, self.redraw)
        elif isinstance(event, ev.TrialEnded) and event.reason is EndedBy.VERDICT:
            message.prevent_default()  # the verdict follows at once; drawing now would delay it

    # --- keys -----------------------------------------------------------------------------------

    def all_actions(self) -> list[Action]:
        """All but the leader's key where none resets the arm, and digits without a failure mode."""
        most = len(trials.modes(self.desk.snapshot) or self.desk.profile.failure_modes)
        beyond = {f"annotate({digit})" for digit in range(most + 1, trials.MODES_MOST + 1)}
        beyond |= set() if resets.by_leader(self.desk.snapshot) else {"pause"}
        return [row for row in super().all_actions() if row.action not in beyond]

    def action_trial(self) -> None:
        """Start the next trial, or end the running one."""
        if self.desk.link:
            self.desk.order(evaluation.start_or_end_trial(self.desk.link))

    def action_practice(self) -> None:
        """Start a trial that does not count."""
        if self.desk.link:
            self.desk.order(evaluation.practise(self.desk.link))

    def action_preflight(self) -> None:
        """Show the preflight's table."""
        from screens.evaluate.preflight_dialog import PreflightDialog

        self.app.push_screen(PreflightDialog(self.desk))

    def action_judge(self, verdict: str) -> None:
        """Judge with one key: ends a running trial."""
        if self.desk.link:
            answered = evaluation.judge(self.desk.link, Verdict(verdict), self.desk.operator)
            if answered is not None:
                answered.add_done_callback(self._note_refusal)
            self._failing, self._refused_at = answered if verdict == Verdict.FAILURE else None, -DROP_S
            self.desk.order(answered)

    def _note_refusal(self, answered: Answered) -> None:
        if answered.cancelled() or answered.exception() is not None or not answered.result().ok:
            self._refused_at = time.monotonic()

    @property
    def _just_refused(self) -> bool:
        return time.monotonic() - self._refused_at < DROP_S

    def explain(self, action: str) -> None:
        """A digit leaves the sentence of the verdict key before it."""
        name = parse(action)[1]
        if name == "annotate" and self._just_refused:
            return
        self._refused_at = time.monotonic() if name == "judge" else -DROP_S
        super().explain(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A failure mode may be typed in one go with its verdict, whose answer comes once it is on disk."""
        waits = action == "annotate" and self._failing is not None and not self._failing.done()
        return waits or super().check_action(action, parameters)

    def action_undo(self) -> None:
        if self.desk.link:
            self.desk.order(evaluation.undo(self.desk.link))

    def action_stage(self, step: int) -> None:
        """One stage more or fewer."""
        if self.desk.link:
            self.desk.order(evaluation.stage(self.desk.link, step))

    def action_assist(self) -> None:
        """Somebody helped in this trial, or nobody did."""
        if self.desk.link:
            self.desk.order(evaluation.assist(self.desk.link))

    def action_annotate(self, digit: int) -> None:
        if self._just_refused:
            return
        named = trials.modes(self.desk.snapshot)
        if digit > len(named):
            self.desk.refuse(f"there is no failure mode {digit}, but {len(named)}: {keys.NEW_MODE} types another one")
        elif self.desk.link:
            waits = self._failing if self._failing is not None and not self._failing.done() else None
            self.desk.spawn(self._annotate(self.desk.link, named[digit - 1], waits))

    async def _annotate(self, link: Link, failure_mode: str, verdict: Answered | None) -> None:
        """Once the trial has failed; a refused verdict has said why."""
        if verdict is not None and not (await verdict).ok:
            return
        with suppress(TimeoutError):  # the event may come after the answer
            await link.until(lambda snapshot: intents.annotate(snapshot, "") is not None, 1.0)
        self.desk.order(evaluation.annotate(link, failure_mode))

    def action_finish(self) -> None:
        """End the session; asks first if a trial has no verdict."""
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
        """Start the planned session."""
        request, folder = message.request, self.desk.folder
        if isinstance(request, EvalRequest):
            self.desk.start(lambda: evaluation.begin(folder, request), SessionKind.EVAL)

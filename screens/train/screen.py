"""Train: the curves of a training, beside whatever the arm does, and the form of the next one."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from screens.desk.messages import TrainingChanged
from screens.desk.training_watch import TrainingWatch
from screens.frame.arm_actions import ARM_SESSION_KEYS
from screens.frame.availability import may_type
from screens.frame.form import Form, close_list, form_is_ready
from screens.frame.status_lines import StatusLine
from screens.train.compare_view import CompareView
from screens.train.comparing import COMPARE_KEYS, NOT_COMPARING, ONLY_COMPARING
from screens.train.form import TrainForm
from screens.train.lists import CheckpointsPanel, RunsPanel
from screens.train.looking import LOOKING_KEYS, Looking
from screens.train.resuming import RESUME_KEYS, Resuming
from screens.train.run_view import RunView
from screens.views import training as training_view
from services.live.reasons import AlarmSource
from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot
from services.tone import Tone

LIST_ACTIONS = frozenset({"open_run", "overlay", "other_list"})
"""Actions on the lists; unavailable while they are not on the screen."""
VIEW_ACTIONS = LIST_ACTIONS | {
    "zoom", "log_axis", "keep_run", "axis", "further", "range", "compare", "copy_comparison", "page", "read_off",
    "walk", "smooth", "whole_range", "panels", "evaluate_checkpoint", "resume_run",
}  # fmt: skip
"""Actions on the training that is shown; unavailable while the form is."""


class TrainScreen(Looking, Resuming):
    """Shows either the form or a training. A training that has ended stays readable."""

    CSS_PATH: ClassVar = ["train.tcss", "../frame/form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "take_over", "pause", "finish", "new_run", "measure", "config_text", "panels", "open_run", "stop_training",
        "resume_run", "keep_run", "overlay", "compare", "copy_comparison", "evaluate_checkpoint", "zoom", "axis",
        "log_axis", "smooth(1)", "read_off(1)", "further", "range", "rest", "release", "note_to_run",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("N", "new_run", "new", id="train.new", tooltip="Fill in the next training; a running one goes on"),
        Binding("ctrl+n", "measure", "measure", id="train.measure",
                tooltip="Take a few steps that nobody keeps: what the planned training needs, against what is there"),
        Binding("ctrl+t", "config_text", "configuration", id="train.config",
                tooltip="LeRobot's exact configuration of what the form says, as text: to read, and to edit"),
        Binding("S", "stop_training", "stop and save", id="train.stop",
                tooltip="End this training with one more checkpoint, or kill a trainer that hangs; asks first"),
        *RESUME_KEYS,
        Binding("up", "walk(-1)", "up", show=False, id="train.up",
                tooltip="The row above in the marked list; with a plot large, fewer steps around the cursor"),
        Binding("down", "walk(1)", "down", show=False, id="train.down",
                tooltip="The row below in the marked list; with a plot large, more steps"),
        Binding("tab", "other_list", "other list", show=False, id="train.other-list",
                tooltip="Up and down walk through the checkpoints, or through the runs again"),
        Binding("enter", "open_run", "show", id="train.open", tooltip="Show the chosen run; one that runs goes on"),
        Binding("space", "overlay", "overlay", id="train.overlay",
                tooltip="Draw the chosen run beside the one that is shown, up to four in all; again takes it off"),
        *LOOKING_KEYS,
        *COMPARE_KEYS,
        Binding("e", "evaluate_checkpoint", "evaluate", id="train.evaluate",
                tooltip="Let the chosen checkpoint try: opens Evaluate with it"),
        Binding("d", "panels", "view", id="train.details",
                tooltip="In a small terminal: the lists, then the numbers, then the curves again"),
        Binding("K", "keep_run", "keep", id="train.keep",
                tooltip="Keep what is watched as sessions of this log; again brings them up to date"),
        Binding("n", "note_to_run", "note", id="train.note", tooltip="Write a remark into this training's session"),
        *ARM_SESSION_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """The form's container, and the training."""
        yield Container(id="ask")
        yield RunView(self.desk.runs)
        yield CompareView(self.desk.runs)

    def on_mount(self) -> None:
        self._wants_form = self._clearing = self._was_live = False
        self.set_interval(1.0, self._tick_run)

    def on_screen_resume(self) -> None:
        """A training may have started meanwhile, here or in another terminal."""
        self.desk.training.look()
        self.desk.runs.look()

    # --- drawing --------------------------------------------------------------------------------

    @property
    def shows_form(self) -> bool:
        """Whether the form is shown: by key, or since there is no training to show (and no arm session to stop)."""
        watch = self.desk.training
        runs = self.desk.runs
        nothing = watch.looked and not watch.shown and runs.listed and not runs.runs
        return not watch.starting and (self._wants_form or (nothing and not self.desk.live))

    @property
    def keys_wait(self) -> bool:
        """Whether it is still unknown what runs, or the form's fields are missing."""
        known = self.desk.training.looked and self.desk.runs.listed
        return super().keys_wait or not known or (self.shows_form and not form_is_ready(self))

    def on_training_changed(self, message: TrainingChanged) -> None:
        message.stop()
        live = self.desk.training.live
        if live is not self._was_live:
            self._was_live = live
            self.desk.runs.look()
        self.desk.runs.settle()
        self.redraw()

    def alarm(self) -> StatusLine:
        """The arm's alarms first, then the training's, then that it is stopping, then what is over."""
        watch, line = self.desk.training, super().alarm()
        stopping = StatusLine(watch.stopping, Tone.WARNING)
        return stopping if stopping.text and line.tone is not Tone.DANGER else line

    @property
    def alarmed(self) -> tuple[Snapshot, ...]:
        return self.desk.snapshot, self.desk.training.snapshot

    def draw(self) -> None:
        """Choose between form and training, and draw it."""
        if self.desk.training.starting:
            self._wants_form = False
        self.set_class(self.shows_form, "-form")
        self.set_class(not self.desk.training.live, "-over")
        self._draw_form()
        if self.desk.runs.wants_comparison:
            self.desk.runs.wants_comparison, self.comparing = False, True
        compact, view = self.has_class("-compact"), self.view
        self.set_class(self.comparing and not self.shows_form, "-compare")
        if self.comparing and not self.shows_form:
            self.comparison.draw(view.lines, view.sight, compact=compact)
        elif not self.shows_form:
            view.draw(now=self.now(), compact=compact)

    def _draw_form(self) -> None:
        place = self.query_one("#ask")
        if not place.is_mounted:
            return
        place.disabled = not may_type(self.desk)  # while the arm moves x must mean stop, so nothing may have the focus
        if self.shows_form and not place.children:
            place.mount(TrainForm(self.desk))
        elif not self.shows_form and place.children and not self._clearing:
            self._clearing = True
            self.set_focus(None)
            self._clear_form()

    @work
    async def _clear_form(self) -> None:
        """Remove the form; by then it may be wanted again."""
        await self.query_one("#ask").remove_children()
        self._clearing = False
        self.redraw()

    def _tick_run(self) -> None:
        if self.seen and not self.shows_form and not self.comparing:
            self.view.tick(self.now())

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Actions on a training need one that is shown."""
        if (action in VIEW_ACTIONS and self.shows_form) or (action == "measure" and not self.shows_form):
            return False
        if action == "config_text" and not (self.shows_form and may_type(self.desk)):
            return False
        if action in (NOT_COMPARING if self.comparing else ONLY_COMPARING):
            return False
        if action in LIST_ACTIONS and not (self.seen and self.view.lists_seen):
            return False
        if action == "panels" and not self.has_class("-compact"):
            return False
        if action == "note_to_run" and self.desk.runs.shown.foreign:
            return False
        return super().check_action(action, parameters)

    def action_new_run(self) -> None:
        """Show the form, or return to its fields."""
        self._wants_form = True
        self.redraw()
        if fields := self.query("#dataset"):
            fields.first().focus()
        if self.desk.live:
            self.desk.notice("keys go to the form: Esc stops the arm, x is a letter")

    def action_measure(self) -> None:
        """Measure what the training in the form needs."""
        for form in self.query(TrainForm):
            form.measure()

    def action_config_text(self) -> None:
        """Show LeRobot's configuration as text."""
        for form in self.query(TrainForm):
            form.edit_config()

    def action_stop_training(self) -> None:
        """Ask, then stop; a trainer that hangs is killed."""
        from screens.frame.dialogs import Choice, Question

        watch = self.desk.training
        title, sentences, answer = stop_question(watch)
        if self.desk.runs.shown.id != self.desk.runs.watched:
            sentences.insert(0, f"It is {training_view.name(watch.snapshot, watch.asked)}, not the run on the screen.")
        if other := watch.other_driver:
            sentences.append(f"{other} commands this training: stopping it takes over.")
        yes = Choice("y" if watch.hangs else "y,enter", answer, "yes")
        question = Question(self.desk, title, sentences, [yes])
        self.app.push_screen(question, lambda answer: self._stop() if answer == "yes" else None)

    def _stop(self) -> None:
        """Stop, unless it ended while the question stood."""
        from services.refusal import Refusal

        if self.desk.training.live:
            self.desk.training.stop()
        else:
            self.desk.refuse(Refusal("the training has ended meanwhile"))

    def action_resume_run(self) -> None:
        """Go on with the shown run, once it is known from where and for how many steps."""
        self.resume_shown()

    def resumes(self) -> None:
        self._wants_form = self.comparing = False
        self.view.begin()
        self.desk.runs.follow()

    def action_walk(self, by: int) -> None:
        """Move in the marked list, or show fewer or more steps in the large plot."""
        if self.comparing:
            self.comparison.scroll_by(by)
        else:
            self.view.walk(by)
        self.redraw()

    def action_other_list(self) -> None:
        self.view.other_list()

    def action_open_run(self) -> None:
        """Show the run at the cursor."""
        if chosen := self.view.chosen_run:
            self.view.opened()
            self.desk.runs.show(chosen)
            self._relay()

    def action_overlay(self) -> None:
        """Draw the run at the cursor beside the one that is shown, or no longer."""
        if chosen := self.view.chosen_run:
            self.desk.runs.toggle(chosen)

    def on_runs_panel_opened(self, message: RunsPanel.Opened) -> None:
        """A click on the chosen run."""
        message.stop()
        self.action_open_run()

    def on_checkpoints_panel_chosen(self, message: CheckpointsPanel.Chosen) -> None:
        """Another checkpoint is marked in the plots."""
        message.stop()
        self.redraw()

    def on_checkpoints_panel_opened(self, message: CheckpointsPanel.Opened) -> None:
        """A click on the chosen checkpoint."""
        message.stop()
        self.action_evaluate_checkpoint()

    def action_evaluate_checkpoint(self) -> None:
        """Open Evaluate with the chosen checkpoint, or the newest."""
        if (chosen := self.view.chosen) is not None and not chosen.path:
            self.desk.notice("this run was imported, and where its checkpoints are is not recorded")
        elif chosen is not None:
            self.desk.chosen_checkpoint = chosen.path
            self.app.switch_mode("evaluate")

    def action_panels(self) -> None:
        """The lists, the numbers, the curves: a small terminal has no room for all."""
        self.view.turn()
        self._relay()

    def action_keep_run(self) -> None:
        """Keep what is watched as sessions of this log."""
        if self.desk.runs.logs is not None:
            self.desk.runs.logs.keep(self.desk.operator)

    def action_note_to_run(self) -> None:
        from screens.frame.dialogs import TextEntry

        run, watch = self.desk.runs.shown, self.desk.training
        entry = TextEntry(self.desk, f"Note to training {training_view.name(run.snapshot, run.asked)}")
        note = watch.note if run.id == self.desk.runs.watched else partial(watch.note_afterwards, run.id)
        self.app.push_screen(entry, lambda text: note(text, self.desk.operator) if text else None)

    def close_open(self) -> None:
        """Esc closes an open list, leaves the fields, then the form; else the plot's cursor, then the enlarged plot."""
        if close_list(self):
            return
        if self.focused is not None:
            self.set_focus(None)
        elif self.shows_form:
            self._wants_form = False
        elif self.comparing:
            self.comparing = False
        else:
            self.view.close()
        self._relay()

    def on_form_planned(self, message: Form.Planned) -> None:
        """Start the planned training."""
        if isinstance(message.request, TrainRequest):
            self.resumes()
            self.desk.training.start(message.request)


def stop_question(watch: TrainingWatch) -> tuple[str, list[str], str]:
    """(title, sentences, answer) of the question before a stop: of a training that runs, stops, or hangs."""
    if watch.hangs:
        sentences = [
            f"It was asked to stop and does not react: {watch.hangs}.",
            "Whole checkpoints stay; what it learnt after the newest of them is lost.",
        ]
        return "Kill the trainer?", sentences, "kill the trainer"
    if watch.stopping:
        sentences = [
            "It stops after the step in progress, with a checkpoint.",
            "One that cannot be saved is given up; a trainer that says nothing for long can be killed.",
        ]
        return "Stop it once more?", sentences, "ask it again"
    if any(alarm.source is AlarmSource.TARGET for alarm in watch.snapshot.alarms):
        sentences = ["It is not reached now, so nobody can stop it there: what trains there goes on."]
        return "Give it up here?", sentences, "give it up here"
    sentences = ["One checkpoint is saved first. What it has learnt so far is kept, and can be evaluated."]
    return "Stop this training?", sentences, "stop the training and save"

"""Train: the curves of a training, beside whatever the arm does, and the form of the next one."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from screens.desk.messages import TrainingChanged
from screens.desk.training_watch import TrainingWatch
from screens.frame.arm_actions import ARM_SESSION_KEYS
from screens.frame.availability import may_type
from screens.frame.form import Form, form_is_ready
from screens.frame.lab_screen import LabScreen
from screens.frame.status_lines import StatusLine, alarm_line
from screens.train.form import TrainForm
from screens.train.run_view import RunView
from screens.views import training as training_view
from screens.widgets.rows import RowList
from services.live.requests import TrainRequest
from services.tone import Tone

VIEW_ACTIONS = frozenset({"zoom", "log_axis", "read_off", "panels", "choose_checkpoint", "evaluate_checkpoint"})
"""Actions on the training that is shown; unavailable while the form is."""


class TrainScreen(LabScreen):
    """Shows either the form or a training. A training that has ended stays readable."""

    CSS_PATH: ClassVar = ["train.tcss", "../frame/form.tcss"]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "new_run", "stop_training", "zoom", "log_axis", "evaluate_checkpoint", "panels", "read_off(1)", "note_to_run",
        "pause", "rest", "release", "take_over", "finish",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("N", "new_run", "new", id="train.new", tooltip="Fill in the next training; a running one goes on"),
        Binding("S", "stop_training", "stop and save", id="train.stop",
                tooltip="End this training with one more checkpoint, or kill a trainer that hangs; asks first"),
        Binding("z", "zoom", "zoom", id="train.zoom", tooltip="One plot large, the next, all again"),
        Binding("l", "log_axis", "log axis", id="train.log-axis", tooltip="Logarithmic axes, and back"),
        Binding("left", "read_off(-1)", "read off", show=False, id="train.back", tooltip="The cursor to earlier steps"),
        Binding("right", "read_off(1)", "read off", key_display="left/right", id="train.on",
                tooltip="The cursor to later steps; past the newest one it goes"),
        Binding("up", "choose_checkpoint(-1)", "newer", show=False, id="train.up", tooltip="A newer checkpoint"),
        Binding("down", "choose_checkpoint(1)", "older", show=False, id="train.down", tooltip="An older checkpoint"),
        Binding("e", "evaluate_checkpoint", "evaluate", id="train.evaluate",
                tooltip="Let the chosen checkpoint try: opens Evaluate with it"),
        Binding("d", "panels", "details", id="train.details", tooltip="Numbers instead of the plots, and back"),
        Binding("n", "note_to_run", "note", id="train.note", tooltip="Write a remark into this training's session"),
        *ARM_SESSION_KEYS,
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """The form's container, and the training."""
        yield Container(id="ask")
        yield RunView(self.desk.training)

    def on_mount(self) -> None:
        self._wants_form = self._clearing = False
        self.set_interval(1.0, self._tick_run)

    def on_screen_resume(self) -> None:
        """A training may have started meanwhile, here or in another terminal."""
        self.desk.training.look()

    # --- drawing --------------------------------------------------------------------------------

    @property
    def view(self) -> RunView:
        return self.query_one(RunView)

    @property
    def shows_form(self) -> bool:
        """Whether the form is shown: by key, or since there is no training to show (and no arm session to stop)."""
        watch = self.desk.training
        empty = watch.looked and not watch.shown and not self.desk.live
        return not watch.starting and (self._wants_form or empty)

    @property
    def keys_wait(self) -> bool:
        """Whether it is still unknown what runs, or the form's fields are missing."""
        return super().keys_wait or not self.desk.training.looked or (self.shows_form and not form_is_ready(self))

    def on_training_changed(self, message: TrainingChanged) -> None:
        message.stop()
        self.redraw()

    def alarm(self) -> StatusLine:
        """The arm's alarms first, then the training's, then that it is stopping, then what is over."""
        watch = self.desk.training
        alarms = super().alarm(), alarm_line(watch.snapshot, self.now())
        lines = (*(a for a in alarms if a.tone is Tone.DANGER), StatusLine(watch.stopping, Tone.WARNING), *alarms)
        return next((line for line in lines if line.text), StatusLine(""))

    def draw(self) -> None:
        """Choose between form and training, and draw it."""
        if self.desk.training.starting:
            self._wants_form = False
        self.set_class(self.shows_form, "-form")
        self.set_class(not self.desk.training.live, "-over")
        self._draw_form()
        if not self.shows_form:
            self.view.draw(now=self.now(), compact=self.has_class("-compact"))

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
        if self.seen and not self.shows_form:
            self.view.tick(self.now())

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Actions on a training need one that is shown."""
        if action in VIEW_ACTIONS and self.shows_form:
            return False
        if action == "panels" and not self.has_class("-compact"):
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

    def action_stop_training(self) -> None:
        """Ask, then stop; a trainer that hangs is killed."""
        from screens.frame.dialogs import Choice, Question

        watch = self.desk.training
        title, sentences, answer = stop_question(watch)
        if other := watch.other_driver:
            sentences.append(f"{other} commands this training: stopping it takes over.")
        yes = Choice("y" if watch.hangs else "y,enter", answer, "yes")
        question = Question(self.desk, title, sentences, [yes])
        self.app.push_screen(question, lambda answer: watch.stop() if answer == "yes" else None)

    def action_zoom(self) -> None:
        """Enlarge the next plot; after the last, show all."""
        self.view.zoom()
        self.redraw()

    def action_log_axis(self) -> None:
        self.view.switch_log()
        self.redraw()

    def action_read_off(self, by: int) -> None:
        """Move the cursor of the plots."""
        self.view.read_off(by)
        self.redraw()

    def action_choose_checkpoint(self, by: int) -> None:
        """Move the cursor of the checkpoints."""
        self.view.choose_next(by)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """The mouse chose a checkpoint."""
        message.stop()
        self.view.choose(message.row)

    def on_row_list_opened(self, message: RowList.Opened) -> None:
        """A click on the chosen checkpoint."""
        message.stop()
        self.action_evaluate_checkpoint()

    def action_evaluate_checkpoint(self) -> None:
        """Open Evaluate with the chosen checkpoint, or the newest."""
        if (chosen := self.view.chosen) is not None:
            self.desk.chosen_checkpoint = chosen.path
            self.app.switch_mode("evaluate")

    def action_panels(self) -> None:
        """Toggle panels and plot: a small terminal has no room for both."""
        self.view.toggle_class("-panels")

    def action_note_to_run(self) -> None:
        from screens.frame.dialogs import TextEntry

        watch = self.desk.training
        entry = TextEntry(self.desk, f"Note to training {training_view.name(watch.snapshot, watch.asked)}")
        self.app.push_screen(entry, lambda text: watch.note(text, self.desk.operator) if text else None)

    def close_open(self) -> None:
        """Esc leaves the fields, then the form; else the plot's cursor, then the enlarged plot."""
        if self.focused is not None:
            self.set_focus(None)
        elif self.shows_form:
            self._wants_form = False
        else:
            self.view.close()
        self.redraw()

    def on_form_planned(self, message: Form.Planned) -> None:
        """Start the planned training."""
        if isinstance(message.request, TrainRequest):
            self._wants_form = False
            self.view.begin()
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
    sentences = ["One checkpoint is saved first. What it has learnt so far is kept, and can be evaluated."]
    return "Stop this training?", sentences, "stop the training and save"

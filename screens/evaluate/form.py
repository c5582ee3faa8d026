"""The form of a new evaluation: which checkpoint tries which task, how often and how long, and who judges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.suggester import SuggestFromList
from textual.widgets import Input

from screens.desk.desk import Desk
from screens.frame.form import Form
from screens.views import keys
from screens.views.signs import clean, signs
from services.checkpoints.checkpoint import label, newest
from services.evaluation import plan as evaluation
from services.evaluation.plan import Inspection
from services.live.requests import ORACLE, EvalRequest
from services.units import number

PAUSE_S = 0.15
"""Pause in typing after which the checkpoint is read."""
LISTED = 40
"""Checkpoints offered as completions, at most."""


class EvaluateForm(Form):
    """Shows what the checkpoint is and whether it fits the bench while the operator types."""

    TITLE = "new evaluation"
    POLICY = ""
    FIELDS: ClassVar = (
        ("checkpoint", "checkpoint"),
        ("task", "task"),
        ("trials", "trials to judge"),
        ("trial-seconds", "seconds per trial"),
        ("condition", "condition (optional)"),
        ("operator", "operator"),
        ("judge", "judge (empty: by key)"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._filled_task = ""
        self._forget_last_values()

    def _forget_last_values(self) -> None:
        """A checkpoint chosen on Train takes precedence over the last values."""
        if self.desk.chosen_checkpoint:
            for name in ("checkpoint", "task"):
                self.desk.forms.get(self._values_key, {}).pop(name, None)

    # --- the form -------------------------------------------------------------------------------

    def defaults(self) -> dict[str, str]:
        profile = self.desk.profile
        return {
            "checkpoint": self.desk.chosen_checkpoint,
            "task": profile.tasks[0].name if profile.tasks else "",
            "trials": "10",
            "trial-seconds": number(profile.recording.episode_seconds),
            "operator": self.desk.operator,
        }

    def suggestions(self, name: str) -> Sequence[str]:
        """Tasks and operators of lab.toml; the oracle on a simulated bench."""
        profile = self.desk.profile
        judges = [ORACLE] if profile.simulated else []
        return {"task": [t.name for t in profile.tasks], "operator": list(profile.operators), "judge": judges}.get(
            name, []
        )

    def look(self) -> None:
        """Read which checkpoints there are, and the one in the field."""
        self.desk.chosen_checkpoint = ""
        self._filled_task = self.defaults()["task"]
        self._list()
        self.check()

    def take_chosen(self) -> None:
        """Fill in a checkpoint chosen on Train while this form was open, and list new ones."""
        if self.has_fields:
            self._list()
        if self.desk.chosen_checkpoint and self.has_fields:
            self.query_one("#checkpoint", Input).value = self.desk.chosen_checkpoint
            self.desk.chosen_checkpoint = ""

    def plan(self) -> EvalRequest:
        """The checked request. Raises Refusal."""
        return evaluation.plan(
            self.desk.folder,
            self.desk.profile,
            checkpoint=self.value("checkpoint"),
            task=self.value("task"),
            trials=int(self.number("trials", whole=True)),
            trial_seconds=self.number("trial-seconds"),
            condition=self.value("condition"),
            operator=self.value("operator"),
            judge=self.value("judge"),
        )

    # --- reading (in threads) -------------------------------------------------------------------

    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        paths = await asyncio.to_thread(newest, self.desk.folder)
        if not self.has_fields:
            return
        found = [text for text in paths if text == clean(text)][:LISTED]  # a field would pass control characters on
        field = self.query_one("#checkpoint", Input)
        field.suggester = SuggestFromList(found, case_sensitive=True)
        names = "   ".join(clean(label(text), 60) for text in found[:5])
        self.show_known(f"checkpoints here: {names}" if names else f"no checkpoint here yet: {keys.TRAIN} trains one")
        if found and not field.value:
            field.value = found[0]

    @on(Input.Changed, "#checkpoint")
    def check(self) -> None:
        """Read the checkpoint once typing pauses."""
        self._check(self.value("checkpoint"))

    @work(exclusive=True, group="check")
    async def _check(self, text: str) -> None:
        await asyncio.sleep(PAUSE_S)
        if not text:
            self._show_look(Inspection())
            return
        look = await asyncio.to_thread(evaluation.inspect, self.desk.folder, self.desk.profile, text)
        if self.has_fields:
            self._show_look(look)

    def _show_look(self, look: Inspection) -> None:
        self.show_about(about(look))
        self.query_one("#about").set_class(bool(look.problem), "-problem")
        if look.checkpoint is not None:
            self.desk.warm_up(look.checkpoint.policy)
        task, trained_task = self.query_one("#task", Input), clean(look.task)
        if trained_task and task.value in ("", self._filled_task):  # filled in by the form, not typed
            task.value = self._filled_task = trained_task


def about(look: Inspection) -> str:
    """`act · looks at wrist · step 500`, or what is wrong with the checkpoint."""
    if look.problem:
        return f"{signs().warning} {clean(look.problem, 300)}"
    if (found := look.checkpoint) is None:
        return ""
    sees = f"looks at {', '.join(found.cameras)}" if found.cameras else "looks at no camera"
    parts = [found.policy, sees, *([f"step {found.step:,}"] if found.step is not None else []), *look.notes]
    return clean(f" {signs().dot} ".join(parts))

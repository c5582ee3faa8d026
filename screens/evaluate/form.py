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
from services.evaluation.plan import Look
from services.live.requests import ORACLE, EvalRequest
from services.units import number

PAUSE_S = 0.15
"""Between the last letter of a checkpoint and the look at it."""
LISTED = 40


class EvaluateForm(Form):
    """Says of the checkpoint what it is and whether it fits the bench, beside the operator's typing."""

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
        self._given_task = ""
        self._forget_for_chosen()

    def _forget_for_chosen(self) -> None:
        """What was chosen on Train comes before what stood here last."""
        if self.desk.chosen_checkpoint:
            for name in ("checkpoint", "task"):
                self.desk.forms.get(self._memory, {}).pop(name, None)

    # --- the form -------------------------------------------------------------------------------

    def defaults(self) -> dict[str, str]:
        """The chosen checkpoint, the bench's own values."""
        profile = self.desk.profile
        return {
            "checkpoint": self.desk.chosen_checkpoint,
            "task": profile.tasks[0].name if profile.tasks else "",
            "trials": "10",
            "trial-seconds": number(profile.recording.episode_seconds),
            "operator": self.desk.operator,
        }

    def suggestions(self, name: str) -> Sequence[str]:
        """Tasks and operators of lab.toml; the oracle where there is one."""
        profile = self.desk.profile
        judges = [ORACLE] if profile.simulated else []
        return {"task": [t.name for t in profile.tasks], "operator": list(profile.operators), "judge": judges}.get(
            name, []
        )

    def look(self) -> None:
        """Which checkpoints there are, and what the one in the field is."""
        self.desk.chosen_checkpoint = ""
        self._given_task = self.defaults()["task"]
        self._list()
        self.check()

    def take_chosen(self) -> None:
        """Train may have chosen a checkpoint, or made some, while this form stood open."""
        if self.whole:
            self._list()
        if self.desk.chosen_checkpoint and self.whole:
            self.query_one("#checkpoint", Input).value = self.desk.chosen_checkpoint
            self.desk.chosen_checkpoint = ""

    def plan(self) -> EvalRequest:
        """Raises Refusal."""
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

    # --- what is known (looked up in threads) ---------------------------------------------------

    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        there = await asyncio.to_thread(newest, self.desk.folder)
        if not self.whole:
            return
        found = [text for text in there if text == clean(text)][:LISTED]  # a field would hand control characters on
        field = self.query_one("#checkpoint", Input)
        field.suggester = SuggestFromList(found, case_sensitive=True)
        names = "   ".join(clean(label(text), 60) for text in found[:5])
        self.say_known(f"checkpoints here: {names}" if names else f"no checkpoint here yet: {keys.TRAIN} trains one")
        if found and not field.value:
            field.value = found[0]

    @on(Input.Changed, "#checkpoint")
    def check(self) -> None:
        """Look at the checkpoint once the typing pauses."""
        self._check(self.value("checkpoint"))

    @work(exclusive=True, group="check")
    async def _check(self, text: str) -> None:
        await asyncio.sleep(PAUSE_S)
        if not text:
            self._say(Look())
            return
        look = await asyncio.to_thread(evaluation.look_at, self.desk.folder, self.desk.profile, text)
        if self.whole:
            self._say(look)

    def _say(self, look: Look) -> None:
        self.say_about(about(look))
        self.query_one("#about").set_class(bool(look.problem), "-problem")
        if look.checkpoint is not None:
            self.desk.warm_up(look.checkpoint.policy)
        task, learnt = self.query_one("#task", Input), clean(look.task)
        if learnt and task.value in ("", self._given_task):  # as it was filled in, not as somebody wrote it
            task.value = self._given_task = learnt


def about(look: Look) -> str:
    """`act · looks at wrist · step 500`, or what is wrong with it."""
    if look.problem:
        return f"{signs().warning} {clean(look.problem, 300)}"
    if (found := look.checkpoint) is None:
        return ""
    sees = f"looks at {', '.join(found.cameras)}" if found.cameras else "looks at no camera"
    parts = [found.policy, sees, *([f"step {found.step:,}"] if found.step is not None else []), *look.notes]
    return clean(f" {signs().dot} ".join(parts))

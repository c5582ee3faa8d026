"""Going on with the run that is shown: what that means, how many steps, and the start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from screens.desk.desk import Desk
from screens.frame.dialogs import Choice, Question, TextEntry
from screens.frame.lab_screen import LabScreen
from screens.frame.status_lines import StatusLine
from screens.views.measured import Part, rows
from screens.views.signs import clean, signs
from services.refusal import Refusal
from services.tone import Tone

if TYPE_CHECKING:
    from services.training.resuming import ResumePlan, Standing

RESUME_KEYS: tuple[BindingType, ...] = (
    Binding("C", "resume_run", "resume", id="train.resume",
            tooltip="Continue the shown run in its session, from its newest checkpoint; more steps may be asked for"),
)  # fmt: skip
MOST_ROWS = 5
"""Rows of the dialog for what going on means."""


class ResumeEntry(TextEntry):
    """The steps to make in all; what that means stands above the field, and what is wrong below it."""

    def __init__(self, desk: Desk, standing: Standing) -> None:
        wanted = 2 * standing.step if standing.finished else standing.training.started.steps
        title = f"Resume {clean(standing.name, 60)} at step {standing.step:,}"
        super().__init__(desk, title, str(wanted), "number")
        self._standing = standing
        self.order: ResumePlan | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog entry"):
            yield Static(Content.styled(self._title, "bold $accent"), markup=False)
            yield Static("", id="meaning", markup=False)
            yield Input(self._value, id="text", type="integer")
            yield Static("", id="foot", markup=False)

    def keeps(self) -> str:
        return "steps in all, those made included: Enter resumes"

    def on_input_changed(self) -> None:
        self.draw()

    def draw(self) -> None:
        """What these steps mean."""
        super().draw()
        if found := self.query("#meaning"):
            width = found.first().size.width or 60
            lines = rows([Part(text, at) for at, text in enumerate(self._meaning())], width, MOST_ROWS)
            found.first(Static).update(Content("\n").join(line.stylize("$quiet") for line in lines))

    def _meaning(self) -> Sequence[str]:
        at = self._standing
        have = "it has made all its steps" if at.finished else f"of {at.training.started.steps:,} steps"
        try:
            notes = self._plan(self.query_one(Input).value).notes
        except Refusal:
            notes = at.notes
        return (have, *notes)

    def _plan(self, typed: str) -> ResumePlan:
        """Raises Refusal."""
        from services.training import resuming

        steps = int(typed) if typed.strip().isdecimal() else 0
        return resuming.plan(self._standing, steps=steps, operator=self.desk.operator, anyway=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on, unless these steps are made already."""
        event.prevent_default()
        try:
            self.order = self._plan(event.value)
        except Refusal as refusal:
            self.say(StatusLine(clean(str(refusal)), Tone.DANGER))
        else:
            self.dismiss(event.value.strip())


class Resuming(LabScreen):
    """The key that resumes the shown run."""

    @work(group="resume", exclusive=True)
    async def resume_shown(self) -> None:
        """Look where the run stands, ask what is to be asked, and go on."""
        order = await self._order(self.desk.runs.shown.id)
        if order is not None:
            self.resumes()
            self.desk.training.resume(order)

    async def _order(self, run_id: str) -> ResumePlan | None:
        """What the operator orders; None if it cannot go on, or was not wanted."""
        try:
            standing = await asyncio.to_thread(_look, self.desk, run_id)
        except Refusal as refusal:
            self.desk.refuse(refusal)
            return None
        if standing.changed:
            warned = [f"{signs().warning} {text}." for text in standing.changed]
            sentences = [*warned, "It would go on with the same episodes by their numbers, as they are now."]
            yes = Choice("y", "resume all the same", "yes")
            question = Question(self.desk, "The dataset has changed since. Resume?", sentences, [yes])
            if await self.app.push_screen_wait(question) != "yes":
                return None
        entry = ResumeEntry(self.desk, standing)
        await self.app.push_screen_wait(entry)
        return entry.order

    def resumes(self) -> None:
        """The run that goes on is shown from now on."""


def _look(desk: Desk, run_id: str) -> Standing:
    from services.training import resuming

    return resuming.look(desk.folder, run_id)

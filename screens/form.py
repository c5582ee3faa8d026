"""The form of a new recording: what to record, how often and how long. Refusals stand at the form."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from screens.desk import Desk
from screens.widgets.line import Line
from screens.words import clean, number, plural, signs

if TYPE_CHECKING:
    from services.datasets import DatasetSummary
    from services.requests import RecordRequest

FIELDS = (
    ("dataset", "dataset"),
    ("task", "task"),
    ("operator", "operator"),
    ("episodes", "episodes to accept"),
    ("episode-seconds", "seconds per take"),
    ("reset-seconds", "seconds to reset"),
)


class RecordForm(Vertical):
    """Asks; posts `Planned` with a checked request."""

    @dataclass
    class Planned(Message):
        """Everything is there and was checked."""

        request: RecordRequest

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="form")
        self.desk = desk
        self._known: dict[str, DatasetSummary] = {}

    def compose(self) -> ComposeResult:
        """One row per field, what is known about the dataset, the button."""
        values = self._remembered()
        yield Static(Content.styled("new recording", "bold $accent"), classes="form-title", markup=False)
        for name, title in FIELDS:
            with Horizontal(classes="field"):
                yield Static(title, classes="label", markup=False)
                yield Input(values[name], id=name, compact=True, suggester=self._suggester(name))
        yield Line(id="about")
        yield Line(id="refusal")
        with Horizontal(classes="field"):
            yield Static("", classes="label")
            yield Button("start", id="start", variant="primary", compact=True)
        yield Static(
            f"Enter goes on {signs().dot} Tab and Shift+Tab move {signs().dot} right arrow takes a suggestion",
            classes="hint",
            markup=False,
        )
        yield Line(id="known")

    @property
    def _whole(self) -> bool:
        """Whether the fields are there: not yet, or no more, while the screen changes."""
        return bool(self.query("#known"))

    def _remembered(self) -> dict[str, str]:
        """What was entered last at this bench, else the bench's own values."""
        profile = self.desk.profile
        task = profile.tasks[0].name if profile.tasks else ""
        values = {
            "dataset": task,
            "task": task,
            "operator": self.desk.operator,
            "episodes": str(profile.recording.episodes),
            "episode-seconds": number(profile.recording.episode_seconds),
            "reset-seconds": number(profile.recording.reset_seconds),
        }
        return values | self.desk.forms.get(profile.name, {})

    def _suggester(self, name: str) -> SuggestFromList | None:
        profile = self.desk.profile
        words = {"task": [t.name for t in profile.tasks], "operator": list(profile.operators)}.get(name)
        return SuggestFromList([clean(word) for word in words], case_sensitive=False) if words else None

    async def on_mount(self) -> None:
        """Look for datasets beside the operator's typing."""
        if not self._whole:  # the console is closing
            return
        self.query_one("#dataset", Input).focus()
        self.say_task()
        self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        from services.datasets import list_datasets

        found = await asyncio.to_thread(list_datasets, self.desk.folder.datasets)
        if not self._whole:
            return
        self._known = {summary.name: summary for summary in found}
        self.query_one("#dataset", Input).suggester = SuggestFromList(list(self._known), case_sensitive=True)
        names = "   ".join(f"{clean(s.name)} {signs().dot} {plural(s.episodes, 'episode')}" for s in found[:6])
        self.query_one("#known", Line).show(f"datasets here: {names}" if names else "no dataset here yet")
        self.say_dataset()

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.query_one(f"#{name}", Input).value.strip()

    @on(Input.Changed, "#dataset")
    def say_dataset(self) -> None:
        """Say in words whether this begins a dataset or goes on with one."""
        summary = self._known.get(self.value("dataset"))
        line = self.query_one("#about", Line)
        if summary is None:
            line.show("a new dataset" if self.value("dataset") else "")
        elif summary.problem:
            line.show(f"{signs().warning} {clean(summary.problem)}")
        else:
            kept = f"{summary.accepted} accepted, {summary.rejected} rejected"
            held = plural(summary.episodes, "episode")
            line.show(f"resumes it: {held} ({kept})")

    @on(Input.Changed, "#task")
    def say_task(self) -> None:
        """A task's short name stands for its text."""
        named = {t.name: t.text for t in self.desk.profile.tasks}
        text = named.get(self.value("task"))
        self.query_one("#known", Line).show(f'task: "{clean(text)}"' if text else "")

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Enter moves on; in the last field it starts."""
        if event.input.id == FIELDS[-1][0]:
            self.start()
        else:
            self.screen.focus_next()

    @on(Button.Pressed, "#start")
    def start(self) -> None:
        """Check everything; refuse here, or hand over the request."""
        from services import recording
        from services.sitting import Refusal

        self.desk.forms[self.desk.profile.name] = {name: self.value(name) for name, _ in FIELDS}
        try:
            request = recording.plan(
                self.desk.folder,
                self.desk.profile,
                dataset=self.value("dataset"),
                task=self.value("task"),
                operator=self.value("operator"),
                episodes=int(self._number("episodes", whole=True)),
                episode_seconds=self._number("episode-seconds"),
                reset_seconds=self._number("reset-seconds"),
                resume=self._resumes(),
            )
        except Refusal as refusal:
            self.refuse(str(refusal))
            return
        self.refuse("")
        self.desk.operator = request.operator or self.desk.operator
        self.post_message(self.Planned(request))

    def _resumes(self) -> bool:
        """A dataset that stands in the list was chosen knowingly: its row said what happens."""
        summary = self._known.get(self.value("dataset"))
        return summary is not None and summary.episodes > 0

    def _number(self, name: str, *, whole: bool = False) -> float:
        from services.sitting import Refusal

        text = self.value(name).replace(",", ".")
        try:
            return int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise Refusal(f"{dict(FIELDS)[name]}: {kind} is needed, not {clean(text, 20)!r}") from None

    def refuse(self, why: str) -> None:
        """Show why it does not start; empty takes it back."""
        self.query_one("#refusal", Line).show(f"{signs().warning} {clean(why)}" if why else "")
        if why:
            self.desk.bells.play("refused")

"""A form before a session: fields, what is known about them, a start button. Refusals stand at the form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from screens.desk.desk import Desk
from screens.views import keys
from screens.views.signs import clean, signs
from screens.widgets.line import Line
from sessions.models import SessionKind

if TYPE_CHECKING:
    from services.live.requests import AnyRequest


SITS = {SessionKind.RECORD: "a recording", SessionKind.EVAL: "an evaluation"}


class Form(Vertical):
    """Asks; posts `Planned` with a checked request. Subclasses give fields, values and the check."""

    TITLE: ClassVar[str] = ""
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(id, label) of each field, in order; Enter in the last one starts."""
    NEEDS_ARM: ClassVar[bool] = True
    """Whether the session that it asks about moves the arm."""
    POLICY: ClassVar[str | None] = None
    """Whether that session runs a policy, whose type is not known yet: empty, else None."""

    plan: Callable[[], AnyRequest]
    """The request, checked; each form gives its own. Raises Refusal with the reason."""

    @dataclass
    class Planned(Message):
        """Everything is there and was checked."""

        request: AnyRequest

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="form")
        self.desk = desk

    # --- what subclasses give -------------------------------------------------------------------

    def defaults(self) -> dict[str, str]:
        """What stands in each field before anything was entered."""
        return {}

    def suggestions(self, name: str) -> Sequence[str]:
        """Words that the field completes to, known at once."""
        return ()

    def look(self) -> None:
        """Called once the fields are there: look at the disk beside the operator's typing."""

    # --- the form -------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """One row per field, what is known, the button."""
        values = self.defaults() | self.desk.forms.get(self._memory, {})
        yield Static(Content.styled(self.TITLE, "bold $accent"), classes="form-title", markup=False)
        for name, title in self.FIELDS:
            with Horizontal(classes="field"):
                yield Static(title, classes="label", markup=False)
                yield Input(values.get(name, ""), id=name, compact=True, suggester=self._suggester(name))
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

    def on_mount(self) -> None:
        """Keys go to the first field."""
        if self.whole:  # else the console is closing
            self.query_one(f"#{self.FIELDS[0][0]}", Input).focus()
            self.look()
            if self.NEEDS_ARM:
                self._look_who_sits()

    def on_descendant_focus(self) -> None:
        """Somebody is at the form: what it asks about should start at once."""
        if self.NEEDS_ARM:
            self.desk.warm_up(self.POLICY)

    @property
    def whole(self) -> bool:
        """Whether the fields are there: not yet, or no more, while the screen changes."""
        return bool(self.query("#known"))

    @property
    def _memory(self) -> str:
        """Where this form's last values are kept: per kind of form and bench."""
        return f"{type(self).__name__} {self.desk.profile.name}"

    @work(exclusive=True, group="sits")
    async def _look_who_sits(self) -> None:
        """Say now what would only be refused at the start: somebody who came back may look for that session."""
        said = await asyncio.to_thread(self._who_sits)
        if said and self.whole and not self.desk.live:
            self._say_refusal(said)

    def _who_sits(self) -> str:
        """A session of this data folder on this bench, else whoever else holds the arm. Reads disk."""
        from services.bench.device_locks import device_keys, who_holds
        from services.live.running import find_runs

        folder, profile = self.desk.folder, self.desk.profile
        item = find_runs(folder).holder_of_arm(profile.name)
        if item is None:
            return who_holds(device_keys(profile.robot, {}, folder.root))
        started = item.snapshot.started
        what = SITS.get(started.kind, "a session") if started else "a session"
        return f"{what} runs on this bench: {keys.BENCH}, then {keys.ATTACH} attaches to it"

    def _suggester(self, name: str) -> SuggestFromList | None:
        words = [clean(word) for word in self.suggestions(name)]
        return SuggestFromList(words, case_sensitive=False) if words else None

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.query_one(f"#{name}", Input).value.strip()

    def say_about(self, text: str) -> None:
        """The line below the fields: what the values mean."""
        self.query_one("#about", Line).show(text)

    def say_known(self, text: str) -> None:
        """The line at the bottom: what there is to choose from."""
        self.query_one("#known", Line).show(text)

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Enter moves on; in the last field it starts."""
        event.stop()
        if event.input.id == self.FIELDS[-1][0]:
            self.start()
        else:
            self.screen.focus_next()

    @on(Button.Pressed, "#start")
    def start(self) -> None:
        """Check everything; refuse here, or hand over the request."""
        from services.refusal import Refusal

        self.desk.forms[self._memory] = {name: self.value(name) for name, _ in self.FIELDS}
        try:
            request = self.plan()
        except Refusal as refusal:
            self.refuse(str(refusal))
            return
        self.refuse("")
        self.desk.operator = request.operator or self.desk.operator
        self.post_message(self.Planned(request))

    def number(self, name: str, *, whole: bool = False) -> float:
        """The number in a field. Raises Refusal on anything else."""
        from services.refusal import Refusal

        text = self.value(name).replace(",", ".")
        try:
            return int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise Refusal(f"{dict(self.FIELDS)[name]}: {kind} is needed, not {clean(text, 20)!r}") from None

    def refuse(self, why: str) -> None:
        """Show why it does not start; empty takes it back."""
        self._say_refusal(why)
        if why:
            self.desk.bells.play("refused")

    def _say_refusal(self, why: str) -> None:
        self.query_one("#refusal", Line).show(f"{signs().warning} {clean(why)}" if why else "")


def stands(screen: Screen[Any]) -> bool:
    """Whether a form with all its fields is on this screen."""
    return any(form.whole for form in screen.query(Form))

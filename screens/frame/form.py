"""The form before a session: fields, what is known about their values, a start button, and any refusal."""

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


SESSIONS = {SessionKind.RECORD: "a recording", SessionKind.EVAL: "an evaluation"}

LOOK_AGAIN_S = 2.0
"""How often a form looks whether the arm that it warned of is still in use."""


class Form(Vertical):
    """Collects values and posts `Planned` with a checked request. Subclasses define fields, defaults and the check."""

    TITLE: ClassVar[str] = ""
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(id, label) of each field, in order; Enter in the last one starts."""
    NEEDS_ARM: ClassVar[bool] = True
    """Whether the session needs the arm."""
    POLICY: ClassVar[str | None] = None
    """Empty if the session runs a policy (its type is not known yet), else None."""

    plan: Callable[[], AnyRequest]
    """The checked request; defined by each form. Raises Refusal with the reason."""

    @dataclass
    class Planned(Message):
        """The form was submitted and its request passed the check."""

        request: AnyRequest

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="form")
        self.desk = desk
        self._holder = ""
        """The shown warning that the arm is in use; empty while another refusal stands, or none."""

    # --- for subclasses -------------------------------------------------------------------------

    def defaults(self) -> dict[str, str]:
        """The initial value of each field."""
        return {}

    def suggestions(self, name: str) -> Sequence[str]:
        """The completions of a field that are known at once."""
        return ()

    def look(self) -> None:
        """Called once the fields are mounted: start reading from disk, without blocking the operator."""

    # --- the form -------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        values = self.defaults() | self.desk.forms.get(self._values_key, {})
        yield Static(Content.styled(self.TITLE, "bold $accent"), classes="form-title", markup=False)
        for name, title in self.FIELDS:
            with Horizontal(classes="field"):
                yield Static(title, classes="label", markup=False)
                yield Input(values.get(name, ""), id=name, compact=True, suggester=self._suggester(name))
        yield Line(id="about")
        yield Line(id="refusal")
        yield Static(id="cameras", markup=False)
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
        if self.has_fields:  # otherwise the console is closing
            self.query_one(f"#{self.FIELDS[0][0]}", Input).focus()
            self.look()
            if self.NEEDS_ARM:
                self._warn_if_in_use()
                self._warn_of_cameras()
                self.set_interval(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        """The session that has the arm may have ended."""
        if self._holder and self.app.screen is self.screen:
            self._warn_if_in_use()

    def on_descendant_focus(self) -> None:
        """Warm up a worker while the operator fills in the form."""
        if self.NEEDS_ARM:
            self.desk.warm_up(self.POLICY)

    @property
    def has_fields(self) -> bool:
        """Whether the fields are mounted: not yet, or no longer, while the screen changes."""
        return bool(self.query("#known"))

    @property
    def _values_key(self) -> str:
        """The key of this form's last values, per kind of form and bench."""
        return f"{type(self).__name__} {self.desk.profile.name}"

    @work(exclusive=True, group="operator")
    async def _warn_if_in_use(self) -> None:
        """Show at once what would be refused at the start: a returning operator may look for that session."""
        holder = await asyncio.to_thread(self._arm_holder)
        if self.has_fields and not self.desk.live and holder != self._holder:
            self._holder = holder
            self._show_refusal(holder)

    @work(exclusive=True, group="equipment")
    async def _warn_of_cameras(self) -> None:
        """A camera in a slow port, or equal to another one, is no reason not to start, but one to look."""
        from services.bench.usb_cameras import camera_warnings

        found = await asyncio.to_thread(camera_warnings, self.desk.profile.cameras)
        if self.has_fields and found:
            shown = self.query_one("#cameras", Static)
            shown.update("\n".join(f"{signs().warning} {clean(warning)}" for warning in found))
            shown.display = True

    def _arm_holder(self) -> str:
        """Who uses the arm: a session of this data folder, else any other holder; "" if it is free. Reads disk."""
        from services.bench.device_locks import device_keys, who_holds
        from services.live.running import find_runs

        folder, profile = self.desk.folder, self.desk.profile
        item = find_runs(folder).holder_of_arm(profile)
        if item is None:
            return who_holds(device_keys(profile.robot, {}, folder.root))
        started = item.snapshot.started
        what = SESSIONS.get(started.kind, "a session") if started else "a session"
        bench = item.profile.name if item.profile else profile.name
        where = "runs on this bench" if bench == profile.name else f"has this arm, on bench {clean(bench)}"
        return f"{what} {where}: {keys.BENCH}, then {keys.ATTACH} attaches to it"

    def _suggester(self, name: str) -> SuggestFromList | None:
        options = [clean(word) for word in self.suggestions(name)]
        return SuggestFromList(options, case_sensitive=False) if options else None

    def value(self, name: str) -> str:
        """The stripped text of a field."""
        return self.query_one(f"#{name}", Input).value.strip()

    def values(self) -> dict[str, str]:
        """The stripped text of every field."""
        return {name: self.value(name) for name, _ in self.FIELDS}

    def show_about(self, text: str) -> None:
        """Show what the values mean, in the line below the fields."""
        self.query_one("#about", Line).show(text)

    def show_known(self, text: str) -> None:
        """Show what there is to choose from, in the line at the bottom."""
        self.query_one("#known", Line).show(text)

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Move to the next field; Enter in the last field starts."""
        event.stop()
        if event.input.id == self.FIELDS[-1][0]:
            self.start()
        else:
            self.screen.focus_next()

    @on(Button.Pressed, "#start")
    def start(self) -> None:
        """Check all values; show the refusal, or post the request."""
        from services.refusal import Refusal

        self.desk.forms[self._values_key] = self.values()
        try:
            request = self.plan()
        except Refusal as refusal:
            self.refuse(str(refusal))
            return
        self.refuse("")
        self.desk.operator = request.operator or self.desk.operator
        self.go(request)

    def go(self, request: AnyRequest) -> None:
        """Begin what is planned; a form that has to ask something first does so here."""
        self.post_message(self.Planned(request))

    def number(self, name: str, *, whole: bool = False) -> float:
        """The number in a field. Raises Refusal if it is not one."""
        from services.refusal import Refusal

        text = self.value(name).replace(",", ".")
        try:
            return int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise Refusal(f"{dict(self.FIELDS)[name]}: {kind} is needed, not {clean(text, 20)!r}") from None

    def refuse(self, why: str) -> None:
        """Show why it does not start; an empty string clears the message."""
        self._holder = ""
        self._show_refusal(why)
        if why:
            self.desk.bells.play("refused")

    def _show_refusal(self, why: str) -> None:
        self.query_one("#refusal", Line).show(f"{signs().warning} {clean(why)}" if why else "")


def form_is_ready(screen: Screen[Any]) -> bool:
    """Whether a form with all its fields is mounted on this screen."""
    return any(form.has_fields for form in screen.query(Form))

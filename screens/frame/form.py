"""The form before a session: what is wrong stands at its field, and a checked request starts it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from screens.desk.desk import Desk
from screens.frame.arm_in_use import arm_holder
from screens.frame.entries import Entries
from screens.frame.form_fields import FormFields
from screens.frame.picker import FieldRow
from screens.views.signs import clean, signs
from services.refusal import Checks, Option, flag

if TYPE_CHECKING:
    from services.live.requests import AnyRequest

LOOK_AGAIN_S = 2.0
"""How often a form looks whether the arm that it warned of is still in use."""
PAUSE_S = 0.2
"""Pause in typing after which the fields are checked."""


class Form(FormFields):
    """Collects values and posts `Planned` with a checked request. Enter in the last field starts."""

    NEEDS_ARM: ClassVar[bool] = True
    """Whether the session needs the arm."""
    POLICY: ClassVar[str | None] = None
    """Empty if the session runs a policy (its type is not known yet), else None."""
    ARGUMENTS: ClassVar[Mapping[str, str]] = {}
    """The field of an argument of `plan` that has another name."""

    @dataclass
    class Planned(Message):
        """The form was submitted and its request passed the check."""

        request: AnyRequest

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.planning = False
        """Whether the request is being checked before the start: typed keys wait."""
        self._holder = ""
        """The shown warning that the arm is in use; empty while another refusal stands, or none."""
        self._changed: set[str] = set()
        """The fields that the operator changed: what is wrong is shown at these."""
        self._tried = self._away = False

    # --- for subclasses -------------------------------------------------------------------------

    def gather(self) -> Any:
        """Read from disk what defaults, choices and meaning are made of; called in a thread."""

    def gathered(self, found: Any) -> None:
        """Keep what `gather` has read."""

    def plan(self, entries: Entries, checks: Checks) -> AnyRequest:
        """The checked request; called in a thread. Raises Refusal, unless `checks` collects what is refused."""
        raise NotImplementedError

    # --- reading (in threads) -------------------------------------------------------------------

    def on_mount(self) -> None:
        if self.has_fields:  # otherwise the console is closing
            self.row(self.fields[0].id).input.focus()
            self.look()
            self.refresh_fields()
            if self.NEEDS_ARM:
                self._warn_if_in_use()
                self._warn_of_cameras()
            self.set_interval(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        """The session that has the arm may have ended; what there is to choose from may have changed elsewhere."""
        here = self.app.screen is self.screen
        if here and self._away:
            self.look()
        if here and self._holder:
            self._warn_if_in_use()
        self._away = not here

    def on_descendant_focus(self) -> None:
        """Warm up a worker while the operator fills in the form."""
        if self.NEEDS_ARM:
            self.desk.warm_up(self.POLICY)

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Read what there is to choose from."""
        found = await asyncio.to_thread(self.gather)
        if self.has_fields:
            self.gathered(found)
            self.refresh_fields()
            self.check()

    @work(exclusive=True, group="operator")
    async def _warn_if_in_use(self) -> None:
        """Show at once what would be refused at the start: a returning operator may look for that session."""
        holder = await asyncio.to_thread(arm_holder, self.desk.folder, self.desk.profile)
        if self.has_fields and not self.desk.live and holder != self._holder:
            self._holder = holder
            self._say_refused(holder)

    @work(exclusive=True, group="equipment")
    async def _warn_of_cameras(self) -> None:
        """A camera in a slow port, or equal to another one, is no reason not to start, but one to look."""
        from services.bench.usb_cameras import camera_warnings

        found = await asyncio.to_thread(camera_warnings, self.desk.profile.cameras)
        if self.has_fields and found:
            shown = self.query_one("#cameras", Static)
            shown.update("\n".join(f"{signs().warning} {clean(warning)}" for warning in found))
            shown.display = True

    # --- messages below the fields --------------------------------------------------------------

    def show_about(self, text: str) -> None:
        """Show what the form does at the moment, below the fields."""
        self.about.say(text, reveal=True)

    def refuse(self, why: str) -> None:
        """Show why it does not start; an empty string clears the message."""
        self._holder = ""
        self._say_refused(why, reveal=True)
        if why:
            self.desk.bells.play("refused")

    def _say_refused(self, why: str, *, reveal: bool = False) -> None:
        self.refusal.say(f"{signs().warning} {clean(why)}" if why else "", reveal=reveal)

    # --- checks ---------------------------------------------------------------------------------

    @on(Input.Changed)
    def change(self, event: Input.Changed) -> None:
        """Something was typed or taken: what it means is shown at once, what is wrong once typing pauses."""
        self._changed.add(event.input.id or "")
        self.let_go()
        self._keep()
        self.refresh_defaults()
        self.check()

    def _keep(self) -> None:
        """What was typed is there again when the form is opened again, whatever closed it."""
        kept = {name: text.strip() for name, text in self.typed().items()}
        self.desk.forms.setdefault(self._values_key, {}).update(kept)

    @on(FieldRow.Marked)
    def marked(self, event: FieldRow.Marked) -> None:
        """Show the facts of the marked choice."""
        event.stop()
        self.draw_meaning()
        if not event.row.is_open and event.row.field.id in self._changed:
            self.check()

    @work(exclusive=True, group="check")
    async def check(self) -> None:
        """Show what is wrong at the fields that were changed, or at all after an attempt to start."""
        await asyncio.sleep(PAUSE_S)
        if not self.has_fields:
            return
        found, request = await asyncio.to_thread(self._checked, self.entries)
        if self.has_fields:
            self.show_problems(found)
            if not found:
                await self.check_further(request)

    async def check_further(self, request: AnyRequest) -> None:
        """Check what takes longer, of a request with nothing else wrong; cancelled once something is typed."""

    def _checked(self, entries: Entries) -> tuple[dict[str, str], AnyRequest]:
        """(what is wrong by field, the request that it would be); in a thread."""
        checks = Checks(collect=True, call=self.called)
        request = self.plan(entries, checks)
        return {self._field_of(argument): why for argument, why in checks.refused.items()}, request

    def _field_of(self, argument: str) -> str:
        """The id of the field that an argument comes from."""
        return self.ARGUMENTS.get(argument, argument.replace("_", "-"))

    def called(self, option: Option) -> str:
        """What a sentence calls an argument: its field; the shell's flag if the form has none."""
        name = self._field_of(option.name)
        label = next((field.label for field in self.fields if field.id == name), "")
        if not label:
            return flag(option)
        return f"`{label}`: {option.value}" if option.value else f"`{label}`"

    def show_problems(self, found: Mapping[str, str]) -> None:
        """Mark the fields with something wrong, and only those."""
        for row in self.rows:
            name = row.field.id
            shown = (self._tried or name in self._changed) and not row.is_open
            row.show_problem(found.get(name, "") if shown else "")
            row.show_note(self.help(row.field))
        self.call_after_refresh(self._show_focused)
        self.draw_meaning()

    # --- start ----------------------------------------------------------------------------------

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Move to the next field; Enter in the last field starts."""
        event.stop()
        if event.input.id == self.fields[-1].id:
            self.start()
        else:
            self.screen.focus_next()

    @on(Button.Pressed, "#start")
    def start(self) -> None:
        """Check all values; show what is refused, or post the request."""
        self._keep()
        if not self.planning:
            self.planning = True
            self._start(self.entries)

    @work(group="start")
    async def _start(self, entries: Entries) -> None:
        try:
            request = await self.examine(entries)
        finally:
            self.planning = False
        if request is not None:
            self.refuse("")
            self.desk.operator = request.operator or self.desk.operator
            self.go(request)

    async def examine(self, entries: Entries) -> AnyRequest | None:
        """What the entries ask for; None if something is wrong, which is shown, or the form has gone meanwhile."""
        found, request = await asyncio.to_thread(self._checked, entries)
        if not self.has_fields:
            return None
        self._tried = True
        self.show_problems(found)
        if found:
            self._refused(found)
            return None
        return request

    def _refused(self, found: Mapping[str, str]) -> None:
        """The first field with something wrong gets the focus; what no field can mend stands below them."""
        first = next((row for row in self.rows if row.field.id in found), None)
        names = {row.field.id for row in self.rows}
        self.refuse("; ".join(why for name, why in found.items() if name not in names))
        self.desk.bells.play("refused")
        if first is not None:
            first.input.focus()

    def go(self, request: AnyRequest) -> None:
        """Begin what is planned; a form that has to ask something first does so here."""
        self.post_message(self.Planned(request))


def form_is_ready(screen: Screen[Any]) -> bool:
    """Whether a form with all its fields is mounted on this screen, and not busy with the start."""
    return any(form.has_fields and not form.planning for form in screen.query(Form))


def close_list(screen: Screen[Any]) -> bool:
    """Close the open list of a form on this screen; whether one was open."""
    return any(form.close_list() for form in screen.query(Form))

"""What a planned training will need, measured on request while its form is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from screens.desk.desk import Desk
from screens.frame.entries import Entries
from screens.train.config_form import ConfigForm
from screens.views.facts import Section
from screens.views.signs import clean

if TYPE_CHECKING:
    from screens.views.needs import Measured
    from services.live.requests import TrainRequest
    from services.training.preparation import Reply

NO_MATTER = ("name", "because", "log-every")
"""Fields that change nothing of what is needed."""


class MeasuredForm(ConfigForm):
    """Asks a process to take a few steps that nobody keeps, and shows what it finds as it comes."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._measured: Measured | None = None
        self._typed_then: Mapping[str, str] = {}

    # --- what is shown ----------------------------------------------------------------------------

    def with_needs(self, sections: list[Section]) -> list[Section]:
        """The sections and what was found; that alone where there is no room for all."""
        from screens.views.needs import Measured, needs_section

        found = needs_section(self._measured or Measured())
        return [found] if self.has_class("-measured", "-narrow") else [*sections, found]

    def needs_in_the_way(self) -> str:
        """Why the training surely cannot work; empty if nothing is known against it."""
        from screens.views.needs import first_stop

        return first_stop(self._measured) if self._measured is not None else ""

    def _forget_if_changed(self) -> None:
        """What was found holds for what was asked only."""
        measured = self._measured
        if measured is None or measured.stale or self._typed() == self._typed_then:
            return
        self._forget(measured)

    def _forget(self, measured: Measured) -> None:
        self.workers.cancel_group(self, "needs")
        self.show_measured(replace(measured, stale=True, doing="", findings=()))

    def make_room(self) -> None:
        if self._measured is not None and self._measured.doing:
            self._forget(self._measured)

    def refresh_defaults(self) -> None:
        super().refresh_defaults()
        if self.has_fields:
            self._forget_if_changed()

    def _typed(self) -> dict[str, str]:
        return {name: text.strip() for name, text in self.typed().items() if name not in NO_MATTER}

    def show_measured(self, measured: Measured) -> None:
        """Beside the fields; where these have the whole width, they make room for it."""
        self._measured = measured
        self.set_class(not measured.stale, "-measured")
        self.call_after_refresh(self.draw_meaning)
        self.call_after_refresh(self._show_focused)

    # --- asking -----------------------------------------------------------------------------------

    def measure(self) -> None:
        """Check the fields, then ask; again takes the place of what was asked before."""
        if self.has_fields and not self.planning:
            self.close_list()  # it would lie over what is found, or wrong
            self._measure(self.entries, self._typed())

    @work(exclusive=True, group="needs")
    async def _measure(self, entries: Entries, typed: Mapping[str, str]) -> None:
        from services.live.requests import TrainRequest

        request = await self.examine(entries)
        if request is None:
            return
        assert isinstance(request, TrainRequest)
        if request.on is not None:
            place = clean(request.on.place)
            self.refuse(f"it would train on {place}, and only this machine can be measured: choose it at `where`")
            return
        self.refuse("")
        self._typed_then = typed
        await self._ask_needs(request)

    async def _ask_needs(self, request: TrainRequest) -> None:
        from screens.views.needs import Measured
        from services.refusal import Refusal
        from services.training.preparation import Stage

        self.show_measured(Measured(doing="starting"))
        try:
            async with aclosing(self.draft.preparation.ask(request, stages=(Stage.NEEDS,))) as replies:
                async for reply in replies:
                    self.show_measured(self._with(reply))
        except Refusal as refusal:
            self.show_measured(replace(self._measured or Measured(), problem=str(refusal)))
        if self._measured is not None:
            self.show_measured(replace(self._measured, doing=""))

    def _with(self, reply: Reply) -> Measured:
        """What is shown, and this."""
        from screens.views.needs import Measured
        from services.training.preparation import Found, Progressed, Refused

        shown = self._measured or Measured()
        match reply:
            case Progressed(text=text):
                return replace(shown, doing=text)
            case Found(finding=finding):
                return replace(shown, findings=(*shown.findings, finding))
            case Refused(reason=reason, key=key):
                return replace(shown, problem=f"{key}: {reason}" if key else reason)
        return shown

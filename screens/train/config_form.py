"""The part of the form that reads and edits LeRobot's configuration as text, and asks LeRobot before the start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Button

from screens.desk.desk import Desk
from screens.frame.form import Form
from screens.train.config_draft import ConfigDraft
from screens.views.edited_config import Step, changed
from screens.views.keys import EDIT_CONFIG
from screens.views.signs import clean
from services.live.requests import AnyRequest, TrainRequest

if TYPE_CHECKING:
    from screens.train.config_editor import ConfigEditor

TYPING_S = 0.4
"""Pause in typing after which LeRobot is asked about the text."""


class ConfigForm(Form):
    """A form whose field `settings` holds keys of LeRobot's configuration."""

    ARGUMENTS: ClassVar[Mapping[str, str]] = {"save_freq": "save-every", "log_freq": "log-every"}

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.draft = ConfigDraft(self._draft_changed)
        self._editor: ConfigEditor | None = None

    def more_buttons(self) -> ComposeResult:
        yield Button("configuration", id="configuration", compact=True)

    def make_room(self) -> None:
        """End what keeps the process busy: LeRobot is to be asked something else."""

    async def on_unmount(self) -> None:
        """The process that asks LeRobot goes with the form."""
        await self.draft.close()

    # --- the text -------------------------------------------------------------------------------

    @on(Button.Pressed, "#configuration")
    def edit_config(self) -> None:
        """Show the configuration of what the form says now, to be read and edited."""
        if self.has_fields and self._editor is None and not self.planning:
            self.close_list()  # it would lie over what is wrong
            self._edit()

    @work(exclusive=True, group="configuration")
    async def _edit(self) -> None:
        from screens.train.config_editor import ConfigEditor
        from screens.views.edited_config import EditedConfig

        found, request = await asyncio.to_thread(self._checked, self.entries)
        if self.draft.now is not None:
            found.pop("settings", None)  # a text with a mistake is to be opened again
        if not self.has_fields or not isinstance(request, TrainRequest):
            return
        if found:
            self.show_all_problems(found)
            return
        self.make_room()
        title = f"LeRobot's configuration of {request.name}"
        self._editor = ConfigEditor(self.desk, title, EditedConfig(request), self._text_typed)
        self.app.push_screen(self._editor, self._left)
        await self.draft.open(request)

    def _text_typed(self, text: str) -> None:
        self.draft.type(text)
        if self.draft.now is not None and self.draft.now.step is Step.CHECKING:
            self._check_text()

    @work(exclusive=True, group="configuration")
    async def _check_text(self) -> None:
        await asyncio.sleep(TYPING_S)
        await self.draft.check()

    def _draft_changed(self) -> None:
        if self.draft.now is not None and self._editor is not None:
            self._editor.show(self.draft.now)
        elif self.has_fields:
            self._take()

    def _left(self, _: str | None) -> None:
        self._editor = None
        self._take()

    def _take(self) -> None:
        """Put what the text changes into the form's fields; a text with a mistake stays, and is named at its field."""
        now = self.draft.now
        if now is None or not self.has_fields:
            return
        if not now.edited:
            self.draft.done()
        elif now.step is Step.TAKEN and now.answer is not None:
            from services.training.config_text import as_typed

            self.draft.done()
            what = [*changed(now), f"other LeRobot keys: {len(now.answer.settings) or 'none'}"]
            self.row("settings").input.value = as_typed(now.answer.settings)
            for name, value in now.answer.fields.items():
                self.row(self.ARGUMENTS.get(name, name.replace("_", "-"))).input.value = f"{value:.12g}"
            self.desk.notice(f"taken from the text: {', '.join(map(clean, what))}")
        self._changed.add("settings")
        self.check()

    def check_text(self) -> None:
        """Raises Refusal while a text is edited that LeRobot does not take."""
        from services.refusal import Refusal

        now = self.draft.now
        if now is not None and now.edited and now.step is not Step.TAKEN:
            why = now.problem or "LeRobot is still asked about it"
            raise Refusal(f"the configuration as text: {why}; {EDIT_CONFIG} opens it")

    # --- LeRobot is asked about the keys --------------------------------------------------------

    async def check_further(self, request: AnyRequest) -> None:
        """Ask LeRobot about its keys once they are typed; where it cannot be asked, the start says so."""
        from services.training.preparation import PreparationProblem

        if isinstance(request, TrainRequest) and request.settings and "settings" in self._changed:
            with suppress(PreparationProblem):
                key, why = await self.draft.why_refused(request)
                if key and self.has_fields:
                    self.show_problems({"settings": why})

    async def refused_by_lerobot(self, request: TrainRequest) -> bool:
        """Whether LeRobot does not take the request's keys; the reason is shown.

        Where it cannot be asked the training begins: its trainer checks the keys as well.
        """
        from services.training.preparation import PreparationProblem

        if not request.settings and "/" not in request.policy:  # a pretrained one's config.json may be of another
            return False
        self.make_room()
        self.show_about("asking LeRobot about its keys")
        try:
            key, why = await self.draft.why_refused(request)
        except PreparationProblem as problem:
            self.desk.notice(f"the keys are checked by the training itself: {clean(str(problem))}")
            return False
        if why and self.has_fields:
            self.show_about("")
            self.show_all_problems({"settings" if key else "": why})
        return bool(why)

    def show_all_problems(self, found: Mapping[str, str]) -> None:
        """What keeps the form from going on, as after an attempt to start."""
        self._tried = True
        self.show_problems(found)
        self._refused(found)

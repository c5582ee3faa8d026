"""The configuration that the form's operator edits as text: asked of LeRobot in a process of its own, no widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from screens.views.edited_config import EditedConfig, Step
from services.live.requests import TrainRequest

if TYPE_CHECKING:
    from services.training.preparation import Preparation


class ConfigDraft:
    """What is edited now, if anything; `changed` is called whenever something of it becomes known."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._preparation: Preparation | None = None
        self._answers: dict[TrainRequest, tuple[str, str]] = {}
        self.now: EditedConfig | None = None

    @property
    def preparation(self) -> Preparation:
        """The process that asks LeRobot; it is launched by its first question."""
        from services.training.preparation import Preparation

        if self._preparation is None:
            self._preparation = Preparation()
        return self._preparation

    async def open(self, request: TrainRequest) -> None:
        """Show the configuration of this request; a text that was edited and not taken yet stays."""
        from services.refusal import Refusal
        from services.training.preparation import ConfigRefused

        kept = self.now.text if self.now is not None and self.now.edited else ""
        self._show(EditedConfig(request))
        behind, plain = "", msgspec.structs.replace(request, settings=())
        try:
            try:
                answer = await self.preparation.configure(request, progressed=self._progressed)
            except ConfigRefused as refused:
                if not request.settings:
                    raise
                behind, request = refused.with_key, plain
                answer = await self.preparation.configure(request)
        except Refusal as refusal:
            self._show(EditedConfig(request, Step.FAILED, why=str(refusal)))
            return
        opened = EditedConfig(
            request, Step.TAKEN, answer.text, answer.text, answer.preset, answer, left_behind=behind,
        )  # fmt: skip
        self._show(opened.typed(kept) if kept else opened)
        if kept:
            await self.check()

    def type(self, text: str) -> None:
        """The operator changed the text."""
        if self.now is not None and self.now.step is not Step.LOADING and text != self.now.text:
            self._show(self.now.typed(text))

    async def check(self) -> None:
        """Ask LeRobot about the text."""
        from services.refusal import Refusal
        from services.training.preparation import ConfigRefused

        asked = self.now
        if asked is None or asked.step is not Step.CHECKING:
            return
        try:
            answer = await self.preparation.configure(asked.request, asked.text)
            known = replace(asked, step=Step.TAKEN, answer=answer)
        except ConfigRefused as refused:
            known = replace(asked, step=Step.REFUSED, why=str(refused), key=refused.key, line=refused.line)
        except Refusal as refusal:
            known = replace(asked, step=Step.FAILED, why=str(refusal))
        if self.now is asked:
            self._show(known)

    async def why_refused(self, request: TrainRequest) -> tuple[str, str]:
        """(the key, why) LeRobot does not take this request; empty if it does, and the key where none is to blame.

        An answer is remembered. Raises PreparationProblem if LeRobot cannot be asked.
        """
        from services.training.preparation import ConfigRefused

        asked = msgspec.structs.replace(request, name="", because="")
        if asked not in self._answers:
            try:
                await self.preparation.configure(request)
                self._answers[asked] = "", ""
            except ConfigRefused as refused:
                self._answers[asked] = refused.key, refused.with_key
        return self._answers[asked]

    def done(self) -> None:
        """The text was taken into the form."""
        self.now = None

    async def close(self) -> None:
        """End the process."""
        if self._preparation is not None:
            await self._preparation.close()

    def _progressed(self, doing: str) -> None:
        if self.now is not None:
            self._show(replace(self.now, doing=doing))

    def _show(self, now: EditedConfig) -> None:
        self.now = now
        self._changed()

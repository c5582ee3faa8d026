"""One line of text that is checked before it is taken."""

from __future__ import annotations

from collections.abc import Callable

from textual.widgets import Input

from screens.desk.desk import Desk
from screens.frame.dialogs import TextEntry
from screens.frame.status_lines import StatusLine
from screens.views.signs import clean
from services.tone import Tone


class CheckedEntry(TextEntry):
    """One line of text; what `why_not` refuses stays in the field, with the reason below it."""

    def __init__(self, desk: Desk, title: str, goes_to: str, why_not: Callable[[str], str]) -> None:
        super().__init__(desk, title, "", goes_to)
        self._why_not = why_not

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.prevent_default()
        text = event.value.strip()
        if why := self._why_not(text) if text else "":
            self.say(StatusLine(clean(why), Tone.DANGER))
        else:
            self.dismiss(text)

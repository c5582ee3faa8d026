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
    """One line of text; what `why_not` refuses stays in the field, with the reason below it.

    An empty line takes nothing and closes it, unless `needed` says what is missing then.
    """

    def __init__(
        self, desk: Desk, title: str, goes_to: str, why_not: Callable[[str], str], *, needed: str = ""
    ) -> None:
        super().__init__(desk, title, "", goes_to)
        self._why_not, self._needed = why_not, needed

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.prevent_default()
        text = event.value.strip()
        if why := self._why_not(text) if text else self._needed:
            self.say(StatusLine(clean(why), Tone.DANGER))
        else:
            self.dismiss(text)

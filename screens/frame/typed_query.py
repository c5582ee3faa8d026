"""A dialog that is searched by typing, without a text field: nothing takes the focus, so x stays a stop key."""

from __future__ import annotations

from textual import events

from screens.desk.desk import Desk
from screens.frame.dialogs import SheetDialog
from screens.views.signs import clean, signs

QUERY_LIMIT = 60


class SearchDialog[Result](SheetDialog[Result]):
    """Typed letters go to `query` while `searching`; while the arm can move, its stop keys stop it all the same."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.query_text = ""
        self.searching = False

    @property
    def takes_letters(self) -> bool:
        """Whether x is a letter now; read by the app for the terminal's input thread."""
        return self.searching and not self.desk.can_move

    @property
    def query_line(self) -> str:
        """What was typed, with a cursor."""
        return f"{self.query_text}{signs().cursor}"

    def on_key(self, event: events.Key) -> None:
        """Letters and Backspace change the query; other keys do what they are bound to."""
        if not self.searching or not self._edit(event):
            return
        event.stop()
        event.prevent_default()
        self.on_query()
        self.draw()

    def on_paste(self, event: events.Paste) -> None:
        """The first line is typed; a stop key in it is a letter."""
        if self.searching:
            event.stop()
            self.query_text = (self.query_text + clean(event.text.partition("\n")[0]))[:QUERY_LIMIT]
            self.on_query()
            self.draw()

    def on_query(self) -> None:
        """The query has changed."""

    def draw(self) -> None:
        """Tell the terminal's input thread whether x is a letter: the arm may have begun or ceased to move."""
        self.desk.on_focus_moved()
        super().draw()

    def _edit(self, event: events.Key) -> bool:
        """Whether this key changes the query."""
        if event.key == "backspace":
            self.query_text = self.query_text[:-1]
        elif event.key == "ctrl+u":
            self.query_text = ""
        elif event.character and event.is_printable and not (self.desk.can_move and self._is_stop(event.key)):
            self.query_text = (self.query_text + event.character)[:QUERY_LIMIT]
        else:
            return False
        return True

    def _is_stop(self, key: str) -> bool:
        bound = self._bindings.key_to_bindings.get(key, ())
        return any(binding.id == "dialog.stop" for binding in bound)

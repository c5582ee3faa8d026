"""The header: tabs at the left, facts at the right; a click on a tab opens its screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message

from screens.widgets.line import Line


@dataclass(frozen=True)
class TabPlace:
    """The cells of a tab, from `start` to before `end`, and the mode that it opens."""

    start: int
    end: int
    mode: str


class TabLine(Line):
    """Draws the header as given and posts `Chosen` for a click on a tab."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        mode: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: tuple[TabPlace, ...] = ()

    def draw(self, content: Content, places: Sequence[TabPlace]) -> None:
        """Show the line; remember where its tabs are."""
        self._places = tuple(places)
        self.show(content)

    def on_click(self, event: events.Click) -> None:
        for place in self._places:
            if place.start <= event.x < place.end:
                self.post_message(self.Chosen(place.mode))

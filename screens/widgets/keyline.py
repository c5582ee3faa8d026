"""The footer: one line with the keys that act now; a click on a key presses it."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content

from screens.widgets.line import Line


@dataclass(frozen=True)
class Key:
    """One key of the footer. `stop` keys are at the right end, in red; `lists`: it opens the list of all keys."""

    key: str
    shown: str
    label: str
    stop: bool = False
    lists: bool = False

    @property
    def width(self) -> int:
        """Cells, including the gap after it."""
        return len(self.shown) + 1 + len(self.label) + 2


def fitting(keys: list[Key], width: int) -> list[Key]:
    """The first keys that fit into `width` cells; stop keys and the key that lists the others always stay."""
    stops = [key for key in keys if key.stop]
    others = [key for key in keys if not key.stop]
    room = width - sum(key.width for key in stops)
    if sum(key.width for key in others) <= room:
        return others + stops
    more = [key for key in others if key.lists and key.width <= room]
    room -= sum(key.width for key in more)
    chosen: list[Key] = []
    for key in others:
        if key in more:
            continue
        room -= key.width
        if room < 0:
            break
        chosen.append(key)
    return chosen + more + stops


class KeyLine(Line):
    """Draws keys and remembers their positions for the mouse."""

    DEFAULT_CSS = """
    KeyLine { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []

    def draw(self, keys: list[Key]) -> None:
        width = max(10, self.size.width)
        fits = fitting(keys, width)
        first = [key for key in fits if not key.stop]
        last = [key for key in fits if key.stop]
        parts: list[tuple[str, str]] = []
        self._places = []
        at = self._append(parts, first, 0, "bold $accent", "$quiet")
        if last:
            gap = max(0, width - at - sum(key.width for key in last) + 2)
            parts.append((" " * gap, ""))
            self._append(parts, last, at + gap, "bold $error", "bold $error")
        self.show(Content.assemble(*parts).rstrip())

    def _append(self, parts: list[tuple[str, str]], keys: list[Key], at: int, key_style: str, label_style: str) -> int:
        for key in keys:
            parts += [(key.shown, key_style), (f" {key.label}  ", label_style)]
            self._places.append((at, at + key.width - 2, key.key))
            at += key.width
        return at

    def on_click(self, event: events.Click) -> None:
        x = event.x - 1
        for start, end, key in self._places:
            if start <= x < end:
                self.app.simulate_key(key)

"""The footer: one line of keys, each in its place; a click on a key presses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import events
from textual.content import Content

from screens.widgets.line import Line

GAP = 2
"""Cells between two keys."""


@dataclass(frozen=True)
class Key:
    """One key of the footer. `stop` keys are at the right end, in red; `lists`: it opens the list of all keys;
    `spare`: the first to go in a narrow terminal.

    A key that does not act now leaves its place blank, so that no other moves. `room`: cells kept for its label, which
    may change; `short`: a shorter label for a narrow terminal, for which `short_room` cells are kept.
    """

    key: str
    shown: str
    label: str
    stop: bool = False
    lists: bool = False
    spare: bool = False
    acts: bool = True
    room: int = 0
    short: str = ""
    short_room: int = 0

    @property
    def text(self) -> str:
        """The key and what it does."""
        return f"{self.shown} {self.label}" if self.label else self.shown

    @property
    def width(self) -> int:
        """Cells that are kept for it, including the gap after it."""
        label = max(len(self.label), self.room)
        return len(self.shown) + (1 + label if label else 0) + GAP

    def shortened(self) -> Key:
        """With its shorter label."""
        if self.lists:
            return replace(self, label="", room=0)
        return replace(self, label=self.short, room=self.short_room) if self.short else self


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """The keys that fit into `width` cells. Spare ones go first; then labels get shorter, then keys go, from the end.

    Stop keys and the key that lists the others always stay.
    """
    stops = [key for key in keys if key.stop]
    others = [key for key in keys if not key.stop]
    room = width + GAP - sum(key.width for key in stops)
    for key in [key for key in reversed(others) if key.spare]:
        if _taken(others) > room:
            others.remove(key)
    for at in range(len(others) - 1, -1, -1):
        if _taken(others) <= room:
            break
        others[at] = others[at].shortened()
    while _taken(others) > room and (last := next((key for key in reversed(others) if not key.lists), None)):
        others.remove(last)
    return [*others, *stops]


def _taken(keys: Sequence[Key]) -> int:
    return sum(key.width for key in keys)


class KeyLine(Line):
    """Draws keys and remembers their positions for the mouse."""

    DEFAULT_CSS = """
    KeyLine { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []

    def draw(self, keys: Sequence[Key]) -> None:
        """Show the keys that act, each where it always is."""
        width = max(10, self.size.width)
        fits = fitting(keys, width)
        first = [key for key in fits if not key.stop]
        last = [key for key in fits if key.stop]
        parts: list[tuple[str, str]] = []
        self._places = []
        at = self._append(parts, first, 0, "bold $accent", "$quiet")
        if last:
            gap = max(0, width - at - sum(key.width for key in last) + GAP)
            parts.append((" " * gap, ""))
            self._append(parts, last, at + gap, "bold $error", "bold $error")
        self.show(Content.assemble(*parts).rstrip())

    def _append(
        self, parts: list[tuple[str, str]], keys: Sequence[Key], at: int, key_style: str, label_style: str
    ) -> int:
        for key in keys:
            text = key.text if key.acts else ""
            if text:
                parts += [(key.shown, key_style), (text.removeprefix(key.shown), label_style)]
                self._places.append((at, at + len(text), key.key))
            parts.append((" " * (key.width - len(text)), ""))
            at += key.width
        return at

    def on_click(self, event: events.Click) -> None:
        x = event.x - 1
        for start, end, key in self._places:
            if start <= x < end:
                self.app.simulate_key(key)

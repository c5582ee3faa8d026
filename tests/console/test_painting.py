"""What is painted while the terminal changes its size: the screen shows the new layout, and nothing of the old one."""

from __future__ import annotations

from typing import Any

import pyte
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from console.painting import PacedPainting

WIDE, NARROW, TALL, SHORT = 30, 24, 12, 6


class Shown:
    """A terminal that always has room: it clamps what is written below its last row, as terminals do."""

    ready = True

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDE, TALL)
        self.stream = pyte.Stream(self.screen)

    def paint(self, text: str) -> None:
        self.stream.feed(text)


class Keys(Static):
    """The line of keys: fewer where less fits."""

    def render(self) -> str:
        return "q leave" if self.size.width == NARROW else "space start  F finish"


class Painting(PacedPainting):
    """Rows of words over a line of keys; everything is drawn once more between a resize and its layout."""

    CSS = "Static { height: 1fr; } #keys { dock: bottom; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.shown: Any = Shown()

    @property
    def _output(self) -> Any:
        return self.shown

    def compose(self) -> ComposeResult:
        yield Static("")
        yield Keys(id="keys")

    async def on_event(self, event: events.Event) -> None:
        await super().on_event(event)
        if isinstance(event, events.Resize) and event.size.height == SHORT:
            assert self.screen._compositor.size.height == TALL, "the layout follows later"
            drawn: set[Widget] = set(self.screen.query(Static))
            for widget in drawn:
                widget.refresh()
            self.screen._compositor.update_widgets(drawn)
            self.screen._compositor_refresh()


async def test_a_row_of_the_old_size_does_not_stay_on_a_smaller_terminal() -> None:
    app = Painting()
    async with app.run_test(size=(WIDE, TALL)) as pilot:
        await pilot.pause()
        assert app.shown.screen.display[-1].strip() == "space start  F finish"
        app.shown.screen.resize(SHORT, NARROW)
        app.post_message(events.Resize(Size(NARROW, SHORT), Size(NARROW, SHORT)))
        for _ in range(100):
            await pilot.pause(0.05)
            if app.screen._compositor.size.height == SHORT:
                break
        await pilot.pause()
        assert [row.strip() for row in app.shown.screen.display] == [""] * (SHORT - 1) + ["q leave"]

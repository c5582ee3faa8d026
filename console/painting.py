"""Paints only while the terminal has room: updates that come too fast are dropped, and the newest state is painted.

Textual hands every update to the driver, which on a slow link would block the event loop, heartbeat included. Here an
update that finds no room is dropped whole. As soon as there is room, the screen is rendered anew, and the cells that
differ from what the terminal shows are sent (see `screen_cells`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer

from console.screen_cells import ScreenCells
from console.stop_key_driver import StopKeyDriver
from console.terminal_output import TerminalOutput

if TYPE_CHECKING:
    from screens.frame.link_state import LinkState

_LOOK_S = 0.02
"""How often a dropped update looks for room."""


class PacedPainting(App[int]):
    """An app whose updates wait for the terminal, not the other way round. Headless, it paints as Textual does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._cells = ScreenCells(self.console._color_system)
        self._painted_to: TerminalOutput | None = None
        self._painted_size: Size | None = None
        self._owed_since = 0.0
        self._look: Timer | None = None

    @property
    def _output(self) -> TerminalOutput | None:
        """Where updates go; None if there is no terminal, or none any more."""
        open_ = self._running and not self._closed and isinstance(self._driver, StopKeyDriver)
        return self._driver.output if open_ and isinstance(self._driver, StopKeyDriver) else None

    def forget_screen(self) -> None:
        """The terminal may show anything: paint all of it."""
        self._cells.forget()
        self.refresh()

    async def on_event(self, event: events.Event) -> None:
        """A terminal that changes its size moves, cuts or clears what it shows."""
        if isinstance(event, events.Resize):
            self._cells.forget()
        await super().on_event(event)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Paint an update, or owe it."""
        output = self._output
        if output is None or self._batch_count or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)
            return
        try:
            if not output.ready:
                self._owe()
            elif self._owed_since:
                self._paint_owed()
            else:
                self._paint(output, renderable)
        finally:
            self.post_display_hook()

    def _paint(self, output: TerminalOutput, update: CompositorUpdate) -> None:
        size = self.screen._compositor.size
        if output is not self._painted_to or size != self._painted_size:
            # opened, or opened again; or rows of an old layout, which follows its resize late, fell on other rows
            self._painted_to, self._painted_size = output, size
            self._cells.forget()
        if text := self._cells.update(update):
            x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
            text += f"\x1b[{y + 1};{x + 1}H"  # where input methods open
            output.paint(f"{SYNC_START}{text}{SYNC_END}" if self._sync_available else text)

    def _owe(self) -> None:
        """Drop an update; look for room until the newest one is painted."""
        if self._owed_since:
            return
        self._owed_since = time.monotonic()
        if self._look is None:
            self._look = self.set_interval(_LOOK_S, self._paint_owed)
        else:
            self._look.resume()

    def _paint_owed(self) -> None:
        output = self._output
        if self._owed_since and output is not None and (not output.ready or not self.screen_stack):
            return
        owed, self._owed_since = self._owed_since, 0.0
        if self._look is not None:
            self._look.pause()
        if not owed or output is None:
            return
        update: Any = self.screen._compositor.render_update(full=True, screen_stack=self._background_screens)
        if isinstance(update, CompositorUpdate):
            self._paint(output, update)

    def note_link(self, state: LinkState) -> None:
        """Write down how far the terminal lags and what the link carries."""
        if (output := self._output) is None:
            return
        owed_s = time.monotonic() - self._owed_since if self._owed_since else 0.0
        state.behind_s = max(output.flow.behind_s, owed_s)
        state.bytes_per_s = output.flow.bytes_per_s
        state.takes_per_s = output.flow.takes_per_s

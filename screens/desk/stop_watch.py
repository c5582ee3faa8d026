"""What the desk does when the stop key is answered, refused, or not answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from services.live.phases import Phase
from services.live.stop_line import StopLine

if TYPE_CHECKING:
    from screens.desk.desk import Desk


class StopWatch:
    """Receives the callbacks of the stop line on its thread and forwards them to the desk on the event loop."""

    def __init__(self, desk: Desk, line: StopLine) -> None:
        self.desk, self.line = desk, line

    def listen(self) -> None:
        """Forward the line's callbacks to the running loop."""
        loop = asyncio.get_running_loop()

        def on_loop[T](call: Callable[[T], None]) -> Callable[[T], None]:
            def forward(value: T) -> None:
                with suppress(RuntimeError):  # the loop is closed: the console is leaving
                    loop.call_soon_threadsafe(call, value)

            return forward

        self.line.on_held = on_loop(self._on_held)
        self.line.on_refused = on_loop(self._on_refused)
        self.line.on_silent = on_loop(self._on_silent)
        self.line.on_dead = on_loop(self._on_dead)

    def _on_held(self, ms: float) -> None:
        self.desk.held_ms = ms
        if self.desk.snapshot.phase is Phase.STARTING and self.desk.live:
            self.desk.note_stop_at_start()
        self.desk.stop_answered()

    def _on_refused(self, words: str) -> None:
        """It is an answer: NO ANSWER goes, and the reason stays."""
        self.desk.stop_answered()
        self.desk.refuse(words)

    def _on_silent(self, pid: int) -> None:
        self.desk.bells.play("alarm")
        self.desk.stop_unanswered("no answer to the stop key")

    def _on_dead(self, pid: int) -> None:
        link = self.desk.link
        if link is None or link.snapshot.running is False:
            return
        self.desk.stop_unanswered("killing the worker and starting one that holds the arm")
        self.desk.rescue(link.run, pid)

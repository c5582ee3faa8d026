"""Processes keys one at a time: each acts on the result of the one before, even in a burst.

A slow link delivers typed keys in bursts. Textual forwards every key at once to whatever has the focus at that
moment: letters after an Enter land in the field before, those after F3 in no field, and keys before the first
screen are lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.events import Key, Paste
from textual.widget import Widget

PATIENCE_S = 1.0
"""Longest wait for the effects of the previous key: no screen may ever stop responding to keys."""
_IDLE_ROUNDS = 3
_POLL_S = 0.002


class TypeAhead:
    """Holds typed keys back while the previous key takes effect, and until `begin`.

    `act` is the app's own handler of a key or a paste; it is called in the app's task.
    """

    def __init__(self, app: App[Any], act: Callable[[Key | Paste], Awaitable[None]]) -> None:
        self._app = app
        self._act = act
        self._held: deque[Key | Paste] = deque()
        self._busy = True
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Process the keys typed so far, one at a time. Call it once there is a screen."""
        self._task = asyncio.get_running_loop().create_task(self._process_held())

    async def take(self, typed: Key | Paste) -> None:
        """Process a key or a paste now, or queue it while another takes effect."""
        if self._busy:
            self._held.append(typed)
            return
        self._busy = True
        await self._act(typed)
        self.begin()

    async def _process_held(self) -> None:
        try:
            await self._settle()
            while self._held:
                self._app.call_later(self._act, self._held.popleft())
                await self._settle()
        finally:  # even if a screen raises, the next key has to act
            self._busy = False

    async def _settle(self) -> None:
        """Wait until no widget is being mounted and no message is pending, at most PATIENCE_S."""
        give_up = time.monotonic() + PATIENCE_S
        idle_rounds = 0
        while idle_rounds < _IDLE_ROUNDS and time.monotonic() < give_up:
            await asyncio.sleep(0 if idle_rounds else _POLL_S)
            idle_rounds = idle_rounds + 1 if self._is_idle() else 0

    def _is_idle(self) -> bool:
        if not self._app.screen_stack:
            return True
        screen = self._app.screen
        if getattr(screen, "keys_wait", False):  # BoundScreen.keys_wait
            return False
        nodes = [screen, *screen.walk_children(Widget)]
        return not self._app.message_queue_size and all(n.is_mounted and not n.message_queue_size for n in nodes)

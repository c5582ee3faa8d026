"""Keys one after the other: each acts on what the one before it left, also when they come in a burst.

A slow link delivers what was typed in one piece. Textual hands every key on at once, to what has the focus at
that moment: letters after an Enter land in the field before, those after F3 on no field, and none acts before
there is a screen.
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
"""Nothing typed waits longer than this for what the key before it began: no screen may ever be deaf."""
_CALM_ROUNDS = 3
_POLL_S = 0.002


class TypeAhead:
    """Holds back what is typed while the last key still acts, and until `begin`.

    `act` is the app's own way to act on a key or a paste; it is called in the app's task.
    """

    def __init__(self, app: App[Any], act: Callable[[Key | Paste], Awaitable[None]]) -> None:
        self._app = app
        self._act = act
        self._held: deque[Key | Paste] = deque()
        self._busy = True
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """There is a screen: what was typed so far acts, one after the other."""
        self._task = asyncio.get_running_loop().create_task(self._work_off())

    async def take(self, typed: Key | Paste) -> None:
        """Act at once if nothing is under way, else after it."""
        if self._busy:
            self._held.append(typed)
            return
        self._busy = True
        await self._act(typed)
        self.begin()

    async def _work_off(self) -> None:
        try:
            await self._settle()
            while self._held:
                self._app.call_later(self._act, self._held.popleft())
                await self._settle()
        finally:  # whatever a screen answers when it is asked: the next key acts
            self._busy = False

    async def _settle(self) -> None:
        """Wait until nothing is being built and no message is under way."""
        give_up = time.monotonic() + PATIENCE_S
        calm = 0
        while calm < _CALM_ROUNDS and time.monotonic() < give_up:
            await asyncio.sleep(0 if calm else _POLL_S)
            calm = calm + 1 if self._is_calm() else 0

    def _is_calm(self) -> bool:
        if not self._app.screen_stack:
            return True
        screen = self._app.screen
        if getattr(screen, "opening", False):  # of a BoundScreen: what takes keys is about to be there
            return False
        nodes = [screen, *screen.walk_children(Widget)]
        return not self._app.message_queue_size and all(n.is_mounted and not n.message_queue_size for n in nodes)

"""Who is told what: screens that watch, notices, bells, and work that may fail beside everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump

from screens.desk.bells import Bells
from screens.desk.messages import Noticed
from screens.views.signs import clean
from services.folders import FolderProblem
from services.live.link import Answered, LinkLost
from services.refusal import Refusal
from services.tone import Tone

SERVICES = logging.getLogger("services")


class Notifier:
    """Posts messages to the screens that watch; says what went wrong instead of raising it."""

    def __init__(self) -> None:
        self.bells = Bells()
        self.on_focus_moved: Callable[[], None] = lambda: None
        """Called whenever keys may go to another widget, or to none."""
        self._watchers: list[MessagePump] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._warnings: logging.Handler | None = None

    def watch(self, pump: MessagePump) -> None:
        """Post every message to this screen from now on."""
        self._watchers.append(pump)

    def unwatch(self, pump: MessagePump) -> None:
        """Post nothing more to it."""
        if pump in self._watchers:
            self._watchers.remove(pump)

    def post(self, make: Callable[[], Message]) -> None:
        """Post one message of its own to each watcher."""
        for pump in self._watchers:
            pump.post_message(make())

    def notice(self, text: object, tone: Tone = Tone.WARNING) -> None:
        """Tell the operator a short sentence; the text may come from outside."""
        said = clean(text)
        self.post(lambda: Noticed(said, tone))

    def listen_to_warnings(self) -> None:
        """From now on what a service warns of, in whatever thread, is a notice."""
        self._warnings = _Warnings(asyncio.get_running_loop(), self.notice)
        SERVICES.addHandler(self._warnings)

    def ignore_warnings(self) -> None:
        """Nobody is there to be told any more."""
        if self._warnings is not None:
            SERVICES.removeHandler(self._warnings)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else; what it raises becomes a notice."""
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (Refusal, FolderProblem, LinkLost, OSError) as problem:
            self.refuse(problem)

    def refuse(self, why: object) -> None:
        """Say why something was not done."""
        self.bells.play("refused")
        self.notice(why, Tone.WARNING)

    def order(self, answer: Answered | None, done: str = "") -> None:
        """Watch over a command that was sent: a refusal becomes a notice, and so does `done` once it is obeyed."""
        if answer is not None:
            self.spawn(self._hear(answer, done))

    async def _hear(self, answer: Answered, done: str) -> None:
        said = await answer
        if not said.ok:
            self.refuse(said.error or "the worker refused without a reason")
        elif done:
            self.notice(done, Tone.SUCCESS)


class _Warnings(logging.Handler):
    def __init__(self, loop: asyncio.AbstractEventLoop, notice: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._loop, self._notice = loop, notice

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(RuntimeError):  # the loop is closed: the console leaves
            self._loop.call_soon_threadsafe(self._notice, record.getMessage())

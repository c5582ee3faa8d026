"""Messages to the screens, notices and bells for the operator, and background tasks that may fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump

from screens.desk.attention import Attention
from screens.desk.bells import Bells
from screens.desk.messages import Noticed
from screens.views import keys
from screens.views.signs import clean
from services.folders import FolderProblem
from services.live.link import Answered, LinkLost
from services.live.protocol import Answer, Code
from services.refusal import Refusal
from services.tone import Tone

SERVICES = logging.getLogger("services")


class Notifier:
    """Posts messages to the watching screens; shows failures of its tasks instead of raising them."""

    def __init__(self) -> None:
        self.bells = Bells()
        self.attention = Attention()
        self.on_focus_moved: Callable[[], None] = lambda: None
        """Called whenever the focus may have moved, so keys may go to another widget."""
        self.on_failure: Callable[[Exception], None] = self.refuse
        """Called with an exception of a task that is no refusal."""
        self._watchers: list[MessagePump] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._warnings: logging.Handler | None = None

    def watch(self, pump: MessagePump) -> None:
        """Post every message to this screen from now on."""
        if pump not in self._watchers:
            self._watchers.append(pump)

    def unwatch(self, pump: MessagePump) -> None:
        """Post nothing more to this screen."""
        if pump in self._watchers:
            self._watchers.remove(pump)

    def post(self, make: Callable[[], Message]) -> None:
        """Post a new message, made by `make`, to each watcher."""
        for pump in self._watchers:
            pump.post_message(make())

    def notice(self, text: object, tone: Tone = Tone.WARNING, then: str = "") -> None:
        """Show the operator a short sentence, which may come from outside, and what to press, which is never cut."""
        line = clean(text)
        self.post(lambda: Noticed(line, tone, then))

    def listen_to_warnings(self) -> None:
        """Show warnings that services log, in whatever thread, as notices."""
        self._warnings = _Warnings(asyncio.get_running_loop(), self.notice)
        SERVICES.addHandler(self._warnings)

    def ignore_warnings(self) -> None:
        """Stop showing the warnings of services."""
        if self._warnings is not None:
            SERVICES.removeHandler(self._warnings)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` as a task; a failure becomes a notice."""
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (Refusal, FolderProblem, LinkLost, OSError) as problem:
            self.refuse(problem)
        except Exception as error:
            self.on_failure(error)

    def refuse(self, why: object, then: str = "") -> None:
        """Show why something was not done, and what to press instead."""
        self.bells.play("refused")
        self.notice(why, Tone.WARNING, then)

    def refuse_answer(self, answer: Answer) -> None:
        """Show why a worker refused, and the key that helps: services and workers know no keys."""
        helps = f"{keys.TAKE_OVER} takes control" if answer.code is Code.NOT_DRIVING else ""
        self.refuse(answer.error or "the worker refused without a reason", helps)

    def order(self, answer: Answered | None, done: str = "") -> None:
        """Await the answer to a command: a refusal becomes a notice, and so does `done` if it is accepted."""
        if answer is not None:
            self.spawn(self._report(answer, done))

    async def _report(self, answered: Answered, done: str) -> None:
        answer = await answered
        if not answer.ok:
            self.refuse_answer(answer)
        elif done:
            self.notice(done, Tone.SUCCESS)


class _Warnings(logging.Handler):
    def __init__(self, loop: asyncio.AbstractEventLoop, notice: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._loop, self._notice = loop, notice

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(RuntimeError):  # the loop is closed: the console is leaving
            self._loop.call_soon_threadsafe(self._notice, record.getMessage())

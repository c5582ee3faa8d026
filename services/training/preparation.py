"""Asks LeRobot about a training before it begins: the client of a process that prepares one, and their messages.

`Preparation` launches `services.workers.training.prepare`, which changes nothing and lives as long as its connection:
it ends with this process, however that ends. Messages are JSON, one a line, on a socket pair. A later question takes
the place of an earlier one; answers carry the question's number, and end with `Answered`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import StrEnum
from typing import IO

import msgspec

from services.helper_process import HelperProcess, Started, started
from services.live.requests import TrainRequest
from services.live.warm import worker_environment
from services.refusal import Refusal
from services.text import clean
from services.training.needs import AnyFinding

LONGEST_LINE = 1 << 24
"""Bytes that a message may have."""
PATIENCE_S = 180.0
"""Seconds between two answers: loading LeRobot takes ten on a small machine, and the Hub may be asked for a policy."""


class Stage(StrEnum):
    """What is wanted of a training that is prepared."""

    CONFIG = "config"
    """Its configuration: answered by Configured, or Refused."""
    NEEDS = "needs"
    """What it will need against what is there: answered by Found, once for each finding, as it is found."""


class Prepare(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Prepare this training as far as `stages` say.

    `text` is the configuration as the operator edited it; None: as the request has it. `theirs`: it was kept by some
    other training, and what the console sets itself is taken from the request, not refused.
    """

    number: int
    request: TrainRequest
    text: str | None = None
    theirs: bool = False
    stages: tuple[Stage, ...] = (Stage.CONFIG,)


class Progressed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the process does now."""

    number: int
    text: str


class Configured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """LeRobot takes this configuration.

    `text` is what it makes of it, `preset` what the request gives without the operator's keys; both as JSON.
    `settings` are the operator's keys, those of the request and of the edited text, as `TrainRequest.settings` has
    them; `fields` are those of TrainRequest that the edited text changes. `passed_over` are the keys of another
    training's configuration that the console sets itself.
    """

    number: int
    text: str
    preset: str
    settings: tuple[str, ...] = ()
    fields: dict[str, int | float] = {}
    passed_over: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One of the training's needs."""

    number: int
    finding: AnyFinding


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why the training cannot begin so, in LeRobot's whole reason.

    `key` is the one of the configuration that is wrong and `line` its line in the edited text, from 1; empty and 0
    where no key or line is to blame.
    """

    number: int
    reason: str
    key: str = ""
    line: int = 0


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The question has no further answer."""

    number: int


Reply = Progressed | Configured | Found | Refused | Answered
encode = msgspec.json.Encoder().encode
_requests: msgspec.json.Decoder[Prepare] = msgspec.json.Decoder(Prepare)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
decode_request, decode_reply = _requests.decode, _replies.decode


class ConfigRefused(Refusal):
    """LeRobot, or the console, does not take a configuration. `key` and `line` as in Refused."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(clean(refused.reason), "settings")
        self.key, self.line = clean(refused.key), refused.line

    @property
    def with_key(self) -> str:
        """The reason with the key in front."""
        return f"{self.key}: {self}" if self.key else str(self)

    @property
    def for_the_shell(self) -> str:
        """The same as the verb's flag has it."""
        return f"--set {self.with_key}" if self.key else str(self)


class PreparationProblem(Refusal):
    """The process that prepares trainings died, or does not answer."""


class Preparation:
    """The preparing process of one form or verb: launched by the first question, ended by `close`."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._process = HelperProcess(lambda errors: start(errors), LONGEST_LINE)  # noqa: PLW0108  tests put another in its place
        self._one_at_a_time = asyncio.Lock()
        self._number = 0

    @property
    def pid(self) -> int:
        """The process id, which is its group's; 0 where none runs."""
        return self._process.pid

    async def configure(
        self,
        request: TrainRequest,
        text: str | None = None,
        *,
        theirs: bool = False,
        progressed: Callable[[str], object] = str,
    ) -> Configured:
        """The configuration of a training. Raises ConfigRefused, or PreparationProblem."""
        found: Configured | None = None
        async with aclosing(self.ask(request, text, theirs=theirs)) as replies:
            async for reply in replies:
                match reply:
                    case Progressed(text=what):
                        progressed(what)
                    case Configured():
                        found = reply
                    case Refused():
                        raise ConfigRefused(reply)
        if found is None:
            raise PreparationProblem("the process that prepares trainings did not answer")
        return found

    async def ask(
        self,
        request: TrainRequest,
        text: str | None = None,
        *,
        theirs: bool = False,
        stages: tuple[Stage, ...] = (Stage.CONFIG,),
    ) -> AsyncGenerator[Reply]:
        """Every answer to one question, without the last, Answered. Raises PreparationProblem.

        A question that is asked while another one is answered takes its place once that one's asker was cancelled.
        """
        async with self._one_at_a_time:
            if self._process.closed:
                raise PreparationProblem("nothing is prepared any more: the console closes")
            self._number += 1
            number = self._number
            order = Prepare(number=number, request=request, text=text, theirs=theirs, stages=stages)
            try:
                if self._process.left:
                    await self._process.end()  # since nobody asked for long
                reader, writer = await self._process.streams()
                writer.write(encode(order) + b"\n")
                await writer.drain()
                while True:
                    reply = await self._next(reader)
                    if reply.number != number:
                        continue  # its asker left
                    if isinstance(reply, Answered):
                        return
                    yield reply
            except TimeoutError as error:
                await self._process.end()
                why = f"LeRobot did not answer within {self._patience_s:g} s: try again"
                raise PreparationProblem(why) from error
            except (OSError, asyncio.IncompleteReadError, ValueError, msgspec.MsgspecError) as error:
                why = self._process.last_line() or str(error)
                await self._process.end()
                raise PreparationProblem(f"the process that prepares trainings died: {why}") from error

    async def close(self) -> None:
        """End the process, and all that it started, and wait for its end."""
        await self._process.close()

    async def _next(self, reader: asyncio.StreamReader) -> Reply:
        async with asyncio.timeout(self._patience_s):
            return decode_reply(await reader.readuntil(b"\n"))


def start(errors: IO[bytes]) -> Started:
    """Start the process, which writes to `errors`; returns it and our end of its connection. Raises OSError."""
    quiet = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return started("services.workers.training.prepare", errors=errors, env=worker_environment() | quiet)

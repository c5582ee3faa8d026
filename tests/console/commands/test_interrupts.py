"""Ctrl-C on a training: what its worker answers is said, and a refused stop can be asked for again."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import Any

from console.commands.interrupts import Interrupts
from services.live import protocol
from services.live.protocol import Code

REFUSED = protocol.Answer(id=2, ok=False, error="box does not answer yet: nothing was stopped", code=Code.NO_ANSWER)
ACCEPTED = protocol.Answer(id=2, ok=True, error="job 7 is cancelled")


async def test_a_stop_that_is_refused_is_said_and_asked_again_by_the_next_signal() -> None:
    sent, said = [], list[str]()
    answers = iter([REFUSED, ACCEPTED])

    def send(command: protocol.Command) -> asyncio.Future[protocol.Answer]:
        future: asyncio.Future[protocol.Answer] = asyncio.get_running_loop().create_future()
        if isinstance(command, protocol.Finish):
            sent.append(command)
            future.set_result(next(answers))
        return future

    client: Any = SimpleNamespace(welcome=SimpleNamespace(pid=1), snapshot=SimpleNamespace(started=None), send=send)
    interrupts = Interrupts(client, ending="stopping", say=said.append, finish=True)
    try:
        for line in ("nothing was stopped", "job 7 is cancelled"):
            os.kill(os.getpid(), signal.SIGINT)
            async with asyncio.timeout(20):
                while not said or line not in said[-1]:
                    await asyncio.sleep(0.01)
    finally:
        interrupts._client = SimpleNamespace(run=None)  # type: ignore[assignment]
        interrupts.close()
    assert len(sent) == 2, "the second signal detached"
    assert said[1] == "it was not stopped: box does not answer yet: nothing was stopped (Ctrl-C asks again)"

"""The process that prepares a training without beginning it: asks LeRobot, and writes and leaves nothing.

Launched by `services.training.preparation`, which has the messages: `python -P -m services.workers.training.prepare`;
standard input is a socket with one JSON message a line each way. It answers one question after the other, the newest
first, and keeps LeRobot loaded meanwhile. It takes no lock: the dataset is only read. When its connection closes, it
kills its process group, and so itself and all that it started; so it does after IDLE_S without a question.

A stage answers a question as far as its name says. To add one (say `needs`: parameters, tokens, memory): a member of
`Stage`, a struct of the Reply union, and a function `(Prepared) -> Iterator[Reply]` in STAGES below, which yields one
reply for each finding and asks `prepared.dropped()` before what takes long. It gets the configuration as the trainer
will build it, raises ConfigProblem or DatasetProblem to refuse, and must not keep or change `prepared.config`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from services.datasets.lock import DatasetProblem
from services.training.config_text import TextProblem, line_of
from services.training.needs import AnyFinding, CheckpointRoom, Fails
from services.training.preparation import (
    Answered,
    Configured,
    Found,
    Prepare,
    Progressed,
    Refused,
    Reply,
    Stage,
    decode_request,
    encode,
)
from services.workers.training.errors import explain

if TYPE_CHECKING:
    from lerobot.configs.train import TrainPipelineConfig

    from services.live.requests import TrainRequest

NICENESS = 10
"""Preparing a training takes no time from a control loop."""
IDLE_S = 600.0
"""Seconds without a question after which the process ends: LeRobot takes some 600 MB. The next question starts one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A training that could begin: `request` with the edited text's changes, and the configuration LeRobot makes of it.

    `episodes` are those that are read, held-out ones among them. `answer` is what is known of the configuration.
    """

    number: int
    request: TrainRequest
    root: Path
    episodes: tuple[int, ...]
    config: TrainPipelineConfig
    answer: Configured
    dropped: Callable[[], bool]
    """Whether nobody waits for the answer any more."""


def configured(prepared: Prepared) -> Iterator[Reply]:
    """The configuration."""
    yield prepared.answer


def needed(prepared: Prepared) -> Iterator[Reply]:
    """What the training needs, measured on a thread of its own: each finding goes out when it is made."""
    from services.workers.training.dry_run import DryRun  # it imports torch and LeRobot

    found: SimpleQueue[AnyFinding | None] = SimpleQueue()

    def measured() -> None:
        try:
            DryRun(prepared.request, prepared.config, found.put, prepared.dropped).run()
        except Exception as error:  # LeRobot may raise anything: so would the training
            logger.exception("a dry step failed")
            found.put(Fails(reason=explain(error, prepared.request)))
        finally:
            found.put(None)

    yield Progressed(number=prepared.number, text="building the policy")
    threading.Thread(target=measured, name="dry run", daemon=True).start()
    while (finding := found.get()) is not None:
        yield Found(number=prepared.number, finding=finding)
        if isinstance(finding, CheckpointRoom):
            yield Progressed(number=prepared.number, text="taking a few steps that nobody keeps")


STAGES: Mapping[Stage, Callable[[Prepared], Iterator[Reply]]] = {
    Stage.CONFIG: configured,
    Stage.NEEDS: needed,
}


def main() -> int:
    """Answer until the console is gone."""
    os.nice(NICENESS)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    serve(connection)
    return 0


def serve(connection: socket.socket) -> None:
    """Answer what comes; does not return."""
    inbox = Inbox(connection)
    while True:
        question = inbox.next()
        for reply in answers(question, partial(inbox.is_old, question)):
            connection.sendall(encode(reply) + b"\n")


class Inbox:
    """The newest question. When the connection closes, this process and those that it started are killed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._arrived = threading.Condition()
        self._waiting: Prepare | None = None
        self._newest = 0
        threading.Thread(target=self._read, name="questions", daemon=True).start()

    def next(self) -> Prepare:
        """Wait for a question; the newest of several. Leaves if none comes for long."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._waiting is not None, IDLE_S):
                leave()
            question, self._waiting = self._waiting, None
        assert question is not None
        return question

    def is_old(self, question: Prepare) -> bool:
        """Whether a newer question has arrived."""
        return question.number != self._newest

    def _read(self) -> None:
        try:
            with self._connection.makefile("rb") as lines:
                for line in lines:
                    with self._arrived:
                        self._waiting = decode_request(line)
                        self._newest = self._waiting.number
                        self._arrived.notify_all()
        finally:
            leave()


def leave() -> None:
    """Kill this process and all that it started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def answers(question: Prepare, dropped: Callable[[], bool]) -> Iterator[Reply]:
    """The replies to a question; every failure is a sentence."""
    number = question.number
    try:
        yield Progressed(number=number, text="loading LeRobot")
        from services.workers.training.edited_config import prepared  # it imports torch and LeRobot

        ready = prepared(question, dropped)
        for stage in question.stages:
            if not dropped():
                yield from STAGES[stage](ready)
    except Exception as error:  # LeRobot may raise anything, and the operator needs a sentence
        yield refused(question, error)
    yield Answered(number=number)


def refused(question: Prepare, error: Exception) -> Refused:
    """The reason, with the key and the line of the text that are to blame."""
    key = getattr(error, "key", "")
    reason = getattr(error, "why", "") or explain(error, question.request)
    if not isinstance(error, DatasetProblem | TextProblem) and not hasattr(error, "why"):
        logger.error("the training cannot be prepared", exc_info=error)
    line = error.line if isinstance(error, TextProblem) else line_of(question.text or "", key)
    return Refused(number=question.number, reason=reason, key=key, line=line)


if __name__ == "__main__":
    sys.exit(main())

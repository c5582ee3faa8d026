"""The policy process: loads a checkpoint with LeRobot, and turns observations into actions on request.

A separate process, so that neither Python's lock nor a crash nor an out-of-memory kill of the policy touches the
process that holds the arm. It dies with that process.

`python -P -m services.workers.inference.policy_server PARENT`; the order arrives on standard input, a socket pair
whose other end is in `services.workers.inference.child`.
"""

from __future__ import annotations

import gc
import logging
import mmap
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.child_process import die_with
from services.error_text import whole_reason
from services.refusal import Refusal
from services.workers.inference import child
from services.workers.inference import protocol as inference_protocol
from services.workers.inference.real_time_runner import RealTimeRunner
from services.workers.inference.remote_runner import RemoteRunner
from services.workers.inference.runner import CannotServe, Runner, load_lerobot

NICE = 5
"""The control loop's process goes first."""
FROM_THE_HUB = ("OfflineModeIsEnabled", "LocalEntryNotFoundError", "HfHubHTTPError", "RepositoryNotFoundError")

logger = logging.getLogger(__name__)


class Service:
    """Answers requests until the control loop closes the connection."""

    def __init__(self, connection: socket.socket, memory: int, runner: Runner | RemoteRunner) -> None:
        self._connection, self._memory, self._runner = connection, memory, runner
        self._frame: inference_protocol.Frame = {}
        self._context = {"task": "", "robot_type": ""}

    def run(self) -> None:
        """Serve until the connection closes. Raises whatever the policy raises."""
        while packet := self._connection.recv(inference_protocol.PACKET):
            match inference_protocol.decode_question(packet):
                case inference_protocol.Open() as wanted:
                    self._open(wanted)
                case inference_protocol.Reset(seed=seed):
                    self._runner.reset(seed)
                case inference_protocol.Ask() as ask:
                    self._answer(ask)

    def _open(self, wanted: inference_protocol.Open) -> None:
        """Map the memory and run twice, since the first inference is slower than later ones."""
        self._frame = inference_protocol.views(mmap.mmap(self._memory, wanted.size), wanted.parts)
        self._context = {"task": wanted.task, "robot_type": wanted.robot_type}
        ms = 0.0
        for number in range(2):
            self._runner.rehearse(number)
            ms = self._timed(self._runner.steps)[1]
        _spare_the_collector()
        self._connection.send(inference_protocol.encode(inference_protocol.Ready(ms=ms)))

    def _answer(self, ask: inference_protocol.Ask) -> None:
        self._runner.expect(ask.used, ask.delay)
        actions, ms = self._timed(ask.rows)
        reply = inference_protocol.Actions(number=ask.number, rows=len(actions), ms=ms, values=actions.tobytes())
        self._connection.send(inference_protocol.encode(reply))

    def _timed(self, rows: int) -> tuple[NDArray[np.float32], float]:
        began = time.perf_counter()
        copied = {key: value.copy() for key, value in self._frame.items()}
        actions = self._runner.act(copied, rows=rows, **self._context)
        return actions, 1000 * (time.perf_counter() - began)


def explain(error: BaseException) -> str:
    """The whole reason, or, if the Hub was needed and unreachable, what to do about that."""
    whole = whole_reason(error)
    link: BaseException | None = error
    while link is not None:
        if type(link).__name__ in FROM_THE_HUB or "huggingface.co" in str(link):
            return (
                f"it needs files from the Hugging Face Hub that are not on this machine ({whole}); "
                "load it once with a connection (HF_HUB_OFFLINE unset)"
            )
        link = link.__cause__ or link.__context__
    return whole


def main(argv: list[str]) -> int:
    """Wait for the order, import what it will need, then serve it."""
    begin(int(argv[1]))
    connection = socket.socket(fileno=0)
    while True:
        packet, descriptors, _, _ = socket.recv_fds(connection, child.PACKET, 3)
        if not packet:  # the worker needs no policy
            return 0
        match child.decode(packet):
            case child.Load(policy=policy):
                _load_code(policy)
            case child.Order() as order:
                socket_fd, memory_fd, log = descriptors
                _redirect_output(connection, log)
                return serve(order, socket_fd=socket_fd, memory_fd=memory_fd)


def begin(parent: int) -> None:
    """Configure the process: it dies with its parent, ignores signals, and yields to the control loop."""
    die_with(parent)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the session decides when it ends
    os.nice(NICE)
    with suppress(OSError):  # if memory runs out, the kernel kills this process, not the one that holds the arm
        Path("/proc/self/oom_score_adj").write_text("500")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s policy %(levelname)s %(name)s: %(message)s")


def _load_code(policy: str) -> None:
    """Import the code of a type of policy. An error is logged: it comes again when the policy is loaded."""
    try:
        load_lerobot()
        from lerobot.policies.factory import get_policy_class

        if policy:
            get_policy_class(policy)
        logger.info("loaded %s", policy or "LeRobot")
    except Exception:
        logger.exception("a policy's code cannot be loaded")
    _spare_the_collector()


def _spare_the_collector() -> None:
    """Exclude all present objects from garbage collection, which would take 200 ms each time."""
    gc.collect()
    gc.freeze()


def _redirect_output(connection: socket.socket, log: int) -> None:
    """Send standard output and error to `log`, and replace standard input by /dev/null."""
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_RDONLY)
    connection.detach()
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)


def _silence() -> None:
    """From here on standard output and error go nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    for target in (1, 2):
        os.dup2(null, target)
    os.close(null)


def serve(order: child.Order, *, socket_fd: int, memory_fd: int) -> int:
    """Load the policy, report it, serve; reports an error before it ends. Returns the exit status."""
    connection = socket.socket(fileno=socket_fd)
    if order.quiet:
        _silence()
    try:
        runner = _runner(order)
        connection.send(inference_protocol.encode(runner.facts()))
        Service(connection, memory_fd, runner).run()
    except (BrokenPipeError, ConnectionResetError):  # the control loop is gone
        return 0
    except (CannotServe, Refusal) as trouble:
        connection.send(inference_protocol.encode(inference_protocol.Failed(text=str(trouble)[:2000])))
        return 1
    except Exception as error:  # LeRobot may raise anything, and the session has to know
        logger.exception("the policy failed")
        connection.send(inference_protocol.encode(inference_protocol.Failed(text=explain(error)[:2000])))
        return 1
    return 0


def _runner(order: child.Order) -> Runner | RemoteRunner:
    path = Path(order.checkpoint)
    if order.server:
        return RemoteRunner(path, order.server, order.there, order.plugins)
    return (RealTimeRunner if order.realtime else Runner)(path, order.plugins)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

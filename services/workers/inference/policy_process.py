"""The control loop's end of the policy process: starts it, asks it, and waits for it only where it is told to."""

from __future__ import annotations

import mmap
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.checkpoints.checkpoint import Checkpoint
from services.workers.inference import protocol as inference_protocol

LAST_WORDS_S = 0.05
"""How long the end of a process that has hung up is waited for, to say what ended it: ask once the arm holds."""


class Child(Protocol):
    """A process that was started: what is needed of subprocess.Popen."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """SIGKILL."""


def spawn(order: inference_protocol.Order) -> Child:
    """Start a policy process; it writes to this process's standard error."""
    argv = [sys.executable, "-P", "-m", "services.workers.inference.policy_server", msgspec.json.encode(order).decode()]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(order.cable, order.memory))


class Policy:
    """One checkpoint in a process of its own, started again on demand. Belongs to the control loop's thread.

    `loaded` and `ready` are what it has told, None until then; `failure` says in words why it is dead.
    """

    def __init__(self, checkpoint: Checkpoint, *, task: str) -> None:
        self.checkpoint, self.task = checkpoint, task
        self.loaded: inference_protocol.Loaded | None = None
        self.ready: inference_protocol.Ready | None = None
        self.failure = ""
        self.infer_ms = 0.0
        self._child: Child | None = None
        self._starting = False
        self._cable: socket.socket | None = None
        self._memory = os.memfd_create("observation")
        self._map: mmap.mmap | None = None
        self._views: inference_protocol.Frame = {}
        self._open: inference_protocol.Open | None = None
        self._opened = False
        self._number = self._wanted = 0
        self._answer: NDArray[np.float32] | None = None
        self.busy = False

    # --- its life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process, and with it the loading; again, as soon as the one before is gone (and its memory)."""
        self._hang_up()
        if self._child is not None:
            self._child.kill()
        self.loaded, self.failure, self._opened = None, "", False
        self._starting = True
        self._start_when_alone()

    def _start_when_alone(self) -> None:
        """Takes no time: what is killed may take long to be gone, and the control loop goes on."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(0)
                self._child = None
        if self._child is None:
            self._starting = False
            self._spawn()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        order = inference_protocol.Order(
            checkpoint=str(self.checkpoint.path), cable=theirs.fileno(), memory=self._memory, parent=os.getpid()
        )
        try:
            self._child = spawn(order)
        except OSError as error:
            ours.close()
            self.failure = f"the policy process cannot be started: {error}"
            return
        finally:
            theirs.close()
        self._cable = ours

    def open(self, features: Mapping[str, Mapping[str, Any]], robot_type: str | None) -> None:
        """Say what observations look like (LeRobot's dataset features); it runs once on one, then it is `ready`."""
        parts, size = inference_protocol.lay_out(features)
        os.ftruncate(self._memory, size)
        self._map = mmap.mmap(self._memory, size)
        self._views = inference_protocol.views(self._map, parts)
        self._open = inference_protocol.Open(parts=parts, size=size, task=self.task, robot_type=robot_type or "")

    @property
    def dead(self) -> bool:
        """Whether the process is gone or cannot go on."""
        return self._cable is None and not self._starting

    @property
    def pid(self) -> int:
        """The process, 0 where there is none."""
        return self._child.pid if self._child is not None else 0

    def give_up(self, why: str) -> None:
        """End a process that does not answer; `start` begins another one."""
        if self._child is not None:
            self._child.kill()
        self._hang_up()
        self.failure = why

    def close(self) -> None:
        """End the process, and see it gone; may be called more than once."""
        self._starting = False
        self._hang_up()
        if self._child is not None:
            self._child.kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(5.0)
            self._child = None
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    def last_words(self) -> str:
        """Why it is dead; waits a moment for the end of a process that said nothing."""
        if not self.failure and self._child is not None:
            status = 0
            with suppress(subprocess.TimeoutExpired):
                status = self._child.wait(LAST_WORDS_S)
            killed = f": it was killed by signal {-status} (out of memory?)" if status < 0 else ""
            self.failure = f"the policy process ended{killed}"
        return self.failure

    # --- talking ----------------------------------------------------------------------------------

    def poll(self, timeout_s: float = 0.0) -> None:
        """Take in what it has said; with a timeout, wait for the first word."""
        if self._starting:
            self._start_when_alone()
        if self._cable is None:
            time.sleep(timeout_s if self._starting else 0.0)
            return
        if timeout_s:
            select.select([self._cable], [], [], timeout_s)
        while self._cable is not None:
            try:
                packet = self._cable.recv(inference_protocol.PACKET)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if packet:
                self._hear(inference_protocol.decode_reply(packet))
            else:
                self._hang_up()
        if self.loaded is not None and self._open is not None and not self._opened:
            self._opened = True
            self._say(self._open)

    def _hear(self, reply: inference_protocol.Reply) -> None:
        match reply:
            case inference_protocol.Loaded():
                self.loaded = reply
            case inference_protocol.Ready(ms=ms):
                self.ready, self.infer_ms = reply, ms
            case inference_protocol.Actions():
                self.busy, self.infer_ms = False, reply.ms
                if reply.number == self._wanted:
                    self._answer = reply.array()
            case inference_protocol.Failed(text=text):
                self.failure = text
                self._hang_up()

    def _say(self, question: inference_protocol.Question) -> None:
        if self._cable is None:
            return
        try:
            self._cable.send(inference_protocol.encode(question))
        except OSError:  # it is gone, or has not read for long
            self._hang_up()

    def _hang_up(self) -> None:
        if self._cable is not None:
            self._cable.close()
            self._cable = None
        self.busy, self.ready, self._answer = False, None, None

    def reset(self, seed: int | None = None) -> None:
        """A trial begins; an answer that is still to come belongs to the one before and is dropped."""
        self._wanted, self._answer = 0, None
        self._say(inference_protocol.Reset(seed=seed))

    def ask(self, frame: inference_protocol.Frame, rows: int = 1) -> None:
        """Hand over an observation; not while it is `busy`. Raises ValueError on another shape than agreed."""
        assert not self.busy
        for key, view in self._views.items():
            value = np.asarray(frame[key])
            if value.shape != view.shape:
                raise ValueError(f"{key} has shape {value.shape}, and had {view.shape} before")
            view[...] = value
        self._number += 1
        self._wanted, self._answer, self.busy = self._number, None, True
        self._say(inference_protocol.Ask(number=self._number, rows=rows))

    def answer(self) -> NDArray[np.float32] | None:
        """The actions (rows, joints) of the last question, once; None where they are not there yet."""
        found, self._answer = self._answer, None
        return found

    def wait(self, patience_s: float) -> NDArray[np.float32] | None:
        """Lockstep, where time stands still: wait for the answer. None where it died or was too slow."""
        give_up = time.monotonic() + patience_s
        while (found := self.answer()) is None and not self.dead and time.monotonic() < give_up:
            self.poll(0.2)
        return found

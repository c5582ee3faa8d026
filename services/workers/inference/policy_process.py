"""The control loop's side of the policy process: starts it, sends observations, and waits only on request."""

from __future__ import annotations

import mmap
import os
import select
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.checkpoint import Checkpoint
from services.workers.inference import child
from services.workers.inference import protocol as inference_protocol

LAST_WORDS_S = 0.05
"""Seconds to wait for the exit status of a process that closed its connection: only while the arm holds."""


class Policy:
    """One checkpoint in a separate process, restarted on demand. Use on the control loop's thread.

    `loaded` and `ready` are its messages, None until they arrive; `failure` says why it is dead.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        task: str,
        plugins: tuple[str, ...] = (),
        server: str = "",
        there: str = "",
        realtime: bool = False,
        quiet: bool = False,
    ) -> None:
        """The process's order says what `server`, `there`, `realtime` and `quiet` are."""
        self.checkpoint, self.task = checkpoint, task
        self._order = child.Order(
            checkpoint=str(checkpoint.path), plugins=plugins, server=server, there=there, realtime=realtime, quiet=quiet
        )
        self.loaded: inference_protocol.Loaded | None = None
        self.ready: inference_protocol.Ready | None = None
        self.failure = ""
        self.infer_ms = 0.0
        self._child: child.Child | None = None
        self._starting = False
        self._connection: socket.socket | None = None
        self._memory = os.memfd_create("observation")
        self._map: mmap.mmap | None = None
        self._views: inference_protocol.Frame = {}
        self._open: inference_protocol.Open | None = None
        self._opened = False
        self._number = self._wanted = 0
        self._answer: NDArray[np.float32] | None = None
        self.busy = False

    # --- lifecycle --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process, which loads the policy; replaces a running one once that is gone (and its memory)."""
        self._disconnect()
        if self._child is not None:
            self._child.kill()
        self.loaded, self.failure, self._opened = None, "", False
        self._starting = True
        self._start_when_alone()

    def _start_when_alone(self) -> None:
        """Spawn if no earlier process is left; never waits for one, since a killed process may take long to end."""
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
        try:
            self._child = child.spawn(self._order, socket_fd=theirs.fileno(), memory_fd=self._memory)
        except OSError as error:
            ours.close()
            self.failure = f"the policy process cannot be started: {error}"
            return
        finally:
            theirs.close()
        self._connection = ours

    def open(self, features: Mapping[str, Mapping[str, Any]], robot_type: str | None) -> None:
        """Send the observations' layout (LeRobot's dataset features); the policy runs on one, then it is `ready`."""
        parts, size = inference_protocol.lay_out(features)
        os.ftruncate(self._memory, size)
        self._map = mmap.mmap(self._memory, size)
        self._views = inference_protocol.views(self._map, parts)
        self._open = inference_protocol.Open(parts=parts, size=size, task=self.task, robot_type=robot_type or "")

    @property
    def dead(self) -> bool:
        """Whether the process is gone or cannot go on."""
        return self._connection is None and not self._starting

    @property
    def pid(self) -> int:
        """The process's id, 0 if there is none."""
        return self._child.pid if self._child is not None else 0

    def give_up(self, why: str) -> None:
        """Kill a process that does not answer; `start` begins another one."""
        if self._child is not None:
            self._child.kill()
        self._disconnect()
        self.failure = why

    def set_aside(self) -> None:
        """Free its memory for another policy; `start` loads it again."""
        self.give_up("another policy is loaded")

    def close(self) -> None:
        """Kill the process and wait for its end; may be called more than once."""
        self._starting = False
        self._disconnect()
        if self._child is not None:
            self._child.kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(5.0)
            self._child = None
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    def last_words(self) -> str:
        """Why it is dead; waits LAST_WORDS_S for the end of a process that gave no reason."""
        if not self.failure and self._child is not None:
            status = 0
            with suppress(subprocess.TimeoutExpired):
                status = self._child.wait(LAST_WORDS_S)
            killed = f": it was killed by signal {-status} (out of memory?)" if status < 0 else ""
            self.failure = f"the policy process ended{killed}"
        return self.failure

    # --- messages ---------------------------------------------------------------------------------

    def poll(self, timeout_s: float = 0.0) -> None:
        """Handle its messages; with a timeout, wait for the first one."""
        if self._starting:
            self._start_when_alone()
        if self._connection is None:
            time.sleep(timeout_s if self._starting else 0.0)
            return
        if timeout_s:
            select.select([self._connection], [], [], timeout_s)
        while self._connection is not None:
            try:
                packet = self._connection.recv(inference_protocol.PACKET)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if packet:
                self._receive(inference_protocol.decode_reply(packet))
            else:
                self._disconnect()
        if self.loaded is not None and self._open is not None and not self._opened:
            self._opened = True
            self._send(self._open)

    def _receive(self, reply: inference_protocol.Reply) -> None:
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
                self._disconnect()

    def _send(self, question: inference_protocol.Question) -> None:
        if self._connection is None:
            return
        try:
            self._connection.send(inference_protocol.encode(question))
        except OSError:  # it is gone, or has not read for a long time
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.busy, self.ready, self._answer = False, None, None

    def reset(self, seed: int | None = None) -> None:
        """Begin a trial; an answer that is still due belongs to the previous one and is dropped."""
        self._wanted, self._answer = 0, None
        self._send(inference_protocol.Reset(seed=seed))

    def ask(self, frame: inference_protocol.Frame, rows: int = 1, used: int = 0, delay: int = 0) -> None:
        """Send an observation, and what Ask says; not while it is `busy`.

        Raises ValueError if a shape differs from the layout.
        """
        assert not self.busy
        for key, view in self._views.items():
            value = np.asarray(frame[key])
            if value.shape != view.shape:
                raise ValueError(f"{key} has shape {value.shape}, and had {view.shape} before")
            view[...] = value
        self._number += 1
        self._wanted, self._answer, self.busy = self._number, None, True
        self._send(inference_protocol.Ask(number=self._number, rows=rows, used=used, delay=delay))

    def answer(self) -> NDArray[np.float32] | None:
        """The actions (rows, joints) for the last observation, once; None until they arrive."""
        found, self._answer = self._answer, None
        return found

    def wait(self, patience_s: float) -> NDArray[np.float32] | None:
        """In lockstep, where time stands still: wait for the answer. None if it died or was too slow."""
        give_up = time.monotonic() + patience_s
        while (found := self.answer()) is None and not self.dead and time.monotonic() < give_up:
            self.poll(0.2)
        return found

"""Starts policy processes. Each waits on its standard input for its order; one may be started before it is needed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Protocol

import msgspec

PACKET = 1 << 16


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load LeRobot, and the code of this type of policy where it is named."""

    policy: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Serve the policy in this pretrained_model folder. With it come three file descriptors: the socket and the
    memory of the control loop, and the file to write to from now on.
    """

    checkpoint: str


Told = Load | Order
_told: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)
decode = _told.decode


class Child(Protocol):
    """A process that was started: what is needed of subprocess.Popen."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """SIGKILL."""


class Waiting:
    """A policy process without an order. It dies with this one."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-P", "-m", "services.workers.inference.policy_server", str(os.getpid())]
        try:
            with theirs:
                self.process = subprocess.Popen(argv, stdin=theirs.fileno(), stdout=sys.stderr)
        except OSError:
            self._line.close()
            raise

    def load(self, policy: str) -> None:
        """Have it load what such a policy needs, after what it loads already."""
        with suppress(OSError):
            self._line.send(msgspec.json.encode(Load(policy=policy)))

    def order(self, order: Order, *, socket_fd: int, memory_fd: int) -> Child:
        """Give it its order. Raises OSError where it is gone."""
        with self._line:
            socket.send_fds(self._line, [msgspec.json.encode(order)], [socket_fd, memory_fd, sys.stderr.fileno()])
        return self.process

    def end(self) -> None:
        """It is gone when this returns."""
        self._line.close()
        self.process.kill()
        self.process.wait()


_warm: list[Waiting] = []
"""The one that was started before it is needed, if there is one."""


def spawn(order: Order, *, socket_fd: int, memory_fd: int) -> Child:
    """A process with this order: the warm one, once, else a new one. It writes to this process's standard error.

    Raises OSError where none can be started.
    """
    if _warm:
        warm = _warm.pop()
        try:
            return warm.order(order, socket_fd=socket_fd, memory_fd=memory_fd)
        except OSError:  # it is gone
            warm.end()
    return Waiting().order(order, socket_fd=socket_fd, memory_fd=memory_fd)


def warm_up(policy: str) -> None:
    """Have a process ready for policies of this type, if it is named, and of any other."""
    if not _warm:
        with suppress(OSError):
            _warm.append(Waiting())
    for warm in _warm:
        warm.load(policy)


def cool_down() -> None:
    """End the process that nobody needs."""
    while _warm:
        _warm.pop().end()

"""Starts policy processes. Each waits on standard input for its order; one may be started in advance."""

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
    """Load LeRobot, and the code of this type of policy if named."""

    policy: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Serve the policy in this pretrained_model folder, or ask LeRobot's inference server for it.

    Sent with three file descriptors: the control loop's socket, its shared memory, and the log file for output.
    """

    checkpoint: str
    plugins: tuple[str, ...] = ()
    """What it may run besides LeRobot's own code."""
    server: str = ""
    """The server's address, on this machine's loopback; empty: the policy runs here."""
    there: str = ""
    """The checkpoint's path on the server's machine, if it is another one."""
    realtime: bool = False
    """LeRobot's real-time chunking: each chunk continues the one before."""
    quiet: bool = False
    """Its output goes nowhere: what LeRobot says while it loads a policy tells which type it is."""


Message = Load | Order
_messages: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
decode = _messages.decode


class Child(Protocol):
    """A started process: the part of subprocess.Popen that is needed."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """SIGKILL."""


class WaitingProcess:
    """A policy process without an order. It dies with this process."""

    def __init__(self) -> None:
        """Start the process. Raises OSError."""
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [sys.executable, "-P", "-m", "services.workers.inference.policy_server", str(os.getpid())]
        try:
            with theirs:
                self.process = subprocess.Popen(argv, stdin=theirs.fileno(), stdout=sys.stderr)
        except OSError:
            self._connection.close()
            raise

    def load(self, policy: str) -> None:
        """Have it load what this type of policy needs, after what it is loading already."""
        with suppress(OSError):
            self._connection.send(msgspec.json.encode(Load(policy=policy)))

    def order(self, order: Order, *, socket_fd: int, memory_fd: int) -> Child:
        """Send the order; returns the process. Raises OSError if it is gone."""
        descriptors = [socket_fd, memory_fd, sys.stderr.fileno()]
        with self._connection:
            socket.send_fds(self._connection, [msgspec.json.encode(order)], descriptors)
        return self.process

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._connection.close()
        self.process.kill()
        self.process.wait()


_warm: list[WaitingProcess] = []
"""The process started in advance, if any."""


def spawn(order: Order, *, socket_fd: int, memory_fd: int) -> Child:
    """Give the order to the warm process, else to a new one. It writes to this process's standard error.

    Raises OSError if none can be started.
    """
    if _warm:
        warm = _warm.pop()
        try:
            return warm.order(order, socket_fd=socket_fd, memory_fd=memory_fd)
        except OSError:  # it is gone
            warm.end()
    return WaitingProcess().order(order, socket_fd=socket_fd, memory_fd=memory_fd)


def warm_up(policy: str) -> None:
    """Start a process in advance unless there is one, and load this type of policy if named."""
    if not _warm:
        with suppress(OSError):
            _warm.append(WaitingProcess())
    for warm in _warm:
        warm.load(policy)


def cool_down() -> None:
    """End the warm process, if any."""
    while _warm:
        _warm.pop().end()

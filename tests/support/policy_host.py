"""Policy processes that start in a moment: forked from a child of the worker, which has LeRobot loaded already.

The worker itself has threads when it starts its policy, so it does not fork; its host, forked before them, does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress

import msgspec

from services.child_process import die_with
from services.workers.inference import child, policy_server
from services.workers.inference.child import Order


class HostedChild:
    """A policy process, as `inference.child.Child` wants it; its exit status is the host's to know."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self, timeout: float | None = None) -> int:
        give_up = time.monotonic() + (timeout or 0.0)
        while True:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return 0
            if timeout is not None and time.monotonic() > give_up:
                raise subprocess.TimeoutExpired("policy", timeout)
            time.sleep(0.002)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def install() -> None:
    """Let this process, still without threads, start its policies through a host."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    if os.fork() == 0:
        try:
            ours.close()
            die_with(parent)
            _serve(theirs)
        finally:
            os._exit(0)
    theirs.close()

    def spawn(order: Order, *, socket_fd: int, memory_fd: int) -> HostedChild:
        socket.send_fds(ours, [msgspec.json.encode(order)], [socket_fd, memory_fd])
        return HostedChild(int(ours.recv(32)))

    child.spawn = spawn


def _serve(cable: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        packet, descriptors, _, _ = socket.recv_fds(cable, 1 << 16, 2)
        if not packet:
            return
        order = msgspec.json.decode(packet, type=Order)
        host = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                cable.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                policy_server.begin(host)
                status = policy_server.serve(order, socket_fd=descriptors[0], memory_fd=descriptors[1])
            finally:
                os._exit(status)
        for descriptor in descriptors:
            os.close(descriptor)
        cable.send(str(pid).encode())

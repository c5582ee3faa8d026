"""A program in a pseudo-terminal: keys go in, pyte says what the screen shows. Drained all the time."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyte

KEYS = {
    "enter": b"\r",
    "escape": b"\x1b",
    "space": b" ",
    "tab": b"\t",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "backspace": b"\x7f",
    "F1": b"\x1bOP",
    "F2": b"\x1bOQ",
    "F3": b"\x1bOR",
    "F4": b"\x1bOS",
    "F5": b"\x1b[15~",
    "F7": b"\x1b[18~",
    "ctrl+q": b"\x11",
    "ctrl+c": b"\x03",
    "ctrl+u": b"\x15",
}

SEQUENCES = re.compile(rb"(?=\x1b)")
BECOME = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Makes the pseudo-terminal the controlling one, then becomes the program."""


class Terminal:
    """One program on one screen."""

    def __init__(
        self,
        argv: list[str],
        *,
        cols: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.screen = pyte.Screen(cols, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.bytes = 0
        self.raw = bytearray()
        self._unread = bytearray()  # parsed when somebody looks: pyte would slow down what is measured
        inherited = {
            k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")
        }  # they would win over the size
        environment = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        self._fd, inner = os.openpty()
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        # Not pty.fork: a fork of a process with threads may hang before it becomes another program.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BECOME, *argv],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(inner)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                return
            if not data:
                return
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        with self._lock:
            self.bytes += len(data)
            self._unread += data
            self.raw += data
            del self.raw[:-200_000]

    def write(self, data: bytes) -> None:
        """Raw bytes, as a keyboard sends them."""
        os.write(self._fd, data)

    def press(self, *keys: str) -> None:
        """Named keys or single letters, a moment apart."""
        for key in keys:
            self.write(KEYS.get(key, key.encode()))
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Text, letter by letter."""
        for letter in text:
            self.write(letter.encode())
            time.sleep(0.01)

    @property
    def text(self) -> str:
        """What the screen shows."""
        with self._lock:
            data, self._unread = bytes(self._unread), bytearray()
            for part in SEQUENCES.split(data):  # one that pyte does not know must not take what follows with it
                with suppress(Exception):
                    self._stream.feed(part)
            return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        """Wait until the screen shows `text`; returns the screen. Raises AssertionError with what it shows."""
        self.wait_until(lambda: text in self.text, seconds, f"the screen does not show {text!r}")
        return self.text

    def wait_until(self, condition: Callable[[], bool], seconds: float = 20.0, what: str = "not in time") -> None:
        """Wait for anything. Raises AssertionError with the screen."""
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"{what}; it shows:\n{self.text}"
            time.sleep(0.02)

    def resize(self, cols: int, rows: int) -> None:
        """As a window is resized."""
        with self._lock:
            self.screen.resize(rows, cols)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal the program."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def hang_up(self) -> None:
        """Close the terminal's other end, as a lost SSH connection does."""
        with suppress(OSError):
            os.close(self._fd)

    def wait(self, seconds: float = 20.0) -> int:
        """Exit status of the program. Raises AssertionError when it still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running; it shows:\n{self.text}") from None

    def close(self) -> None:
        """Kill what still runs."""
        self.kill()
        self._process.wait()
        self.hang_up()

"""Global hotkeys for a console: what the listening process says, told on a thread of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping

from services.bench.hotkeys import for_pynput
from services.text import clean

READY, LOST = "ready", "lost "
LONGEST = 300


class Listener:
    """`told` gets each action, and `ended` the reason once there will be no more; both on the listener's thread."""

    def __init__(self, hotkeys: Mapping[str, str], told: Callable[[str], None], ended: Callable[[str], None]) -> None:
        self._combinations = {for_pynput(combination): action for action, combination in hotkeys.items()}
        self._told, self._ended = told, ended
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self.ready = threading.Event()
        """Set once a press is heard."""

    def start(self) -> None:
        """Begin to listen. Raises OSError if no process can be started."""
        words = [
            sys.executable,
            "-P",
            "-m",
            "services.hotkeys.listen",
            str(os.getpid()),
            json.dumps(self._combinations),
        ]
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, name="hotkeys", daemon=True).start()

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        why = "the process that listened has ended"
        for line in self._process.stdout:
            said = line.strip()
            if said == READY:
                self.ready.set()
            elif said.startswith(LOST):
                why = clean(said.removeprefix(LOST))[:LONGEST]
            elif said in self._combinations.values():
                self._told(said)
        self._process.wait()
        if not self._closed:
            self._ended(why)

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        if self._process is not None:
            self._process.kill()

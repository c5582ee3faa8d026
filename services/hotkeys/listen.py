"""The process that listens: `python -P -m services.hotkeys.listen PARENT COMBINATIONS`.

COMBINATIONS is JSON: what to write by combination, as pynput writes it. Each line on standard output is `ready`, one of
those words, or `lost REASON` at the end. A process of its own, since a lost X server ends whoever is connected to it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Any

from services.child_process import die_with
from services.text import clean

HELD_S = 0.7
"""A combination that is held is pressed again and again by the X server, first after 0.2 to 0.66 s."""
LOOK_S = 0.5
"""How often it is looked whether the X server is still there."""
STOP = "stop"


class Presses:
    """Lets one press of each combination through, however long it is held; every stop."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def counts(self, word: str, at: float) -> bool:
        """Whether a press at this time (monotonic seconds) is another one."""
        before, self._last[word] = self._last.get(word, float("-inf")), at
        return word == STOP or at - before > HELD_S


def say(text: str) -> None:
    """A line to the console. Raises OSError once that is gone."""
    sys.stdout.write(f"{' '.join(text.split())}\n")
    sys.stdout.flush()


def main(parent: int, combinations: dict[str, str]) -> None:
    """Listen until the display is gone."""
    die_with(parent)
    try:
        from pynput import keyboard
    except Exception as error:  # ImportError, or whatever its backend raises: no display, no extension
        say(f"lost {error}")
        return
    presses = Presses()

    def press(word: str) -> None:
        if presses.counts(word, time.monotonic()):
            say(word)

    listener = keyboard.GlobalHotKeys({keys: partial(press, word) for keys, word in combinations.items()})
    listener.start()
    listener.wait()
    say("ready")
    say(f"lost {_until_lost(listener)}")
    os._exit(0)  # pynput's threads wait for a server that is gone


def _until_lost(listener: Any) -> str:
    """Wait until the listener has ended or its X server is gone, which it does not notice; returns why."""
    from Xlib.display import Display

    try:
        watched = Display()
        while listener.running:
            time.sleep(LOOK_S)
            watched.sync()
    except Exception as error:  # Xlib's own, of whatever kind
        return f"the X display is gone ({clean(str(error)) or type(error).__name__})"
    return "pynput's listener has ended"


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))

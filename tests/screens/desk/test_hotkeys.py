"""Global hotkeys on a real X server, Xvfb: pynput presses them, pynput hears them, the session gets the command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from screens.frame.dialogs import Dialog
from services.live import protocol
from services.live.phases import Phase
from sessions.models import SessionKind, Verdict

needs_xvfb = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
KEYS = {"trial": "ctrl+alt+t", "success": "ctrl+shift+f5", "stop": "alt+s", "take": "ctrl+k"}
PRESSER = """
import sys, time
from pynput.keyboard import Controller, HotKey, KeyCode
keys = Controller()
by_server = lambda key: KeyCode.from_vk(ord(key.char)) if getattr(key, "char", None) else key  # not to one window
for line in sys.stdin:
    held, *combination = line.split()
    pressed = [by_server(key) for each in combination for key in HotKey.parse(each)]
    for key in pressed:
        keys.press(key)
    time.sleep(float(held))
    for key in reversed(pressed):
        keys.release(key)
    print("pressed", flush=True)
"""


class Display:
    """An X server, and a process that presses keys on it."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "64x64x8", "-nolisten", "tcp", "-noreset"],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as told:
            self.name = f":{told.readline().strip()}"
        env = {**os.environ, "DISPLAY": self.name}
        self._presser = subprocess.Popen(
            [sys.executable, "-c", PRESSER], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def press(self, combination: str, held: float = 0.0) -> None:
        assert self._presser.stdin is not None and self._presser.stdout is not None
        self._presser.stdin.write(f"{held} {combination}\n")
        self._presser.stdin.flush()
        assert self._presser.stdout.readline() == "pressed\n"

    def lose(self) -> None:
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def close(self) -> None:
        self._presser.kill()
        self._presser.wait()
        self.lose()


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    display = Display()
    for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", display.name)
    yield display
    display.close()


@needs_xvfb
@pytest.mark.system("Xvfb")
async def test_a_hotkey_does_what_its_key_does_on_any_screen_once_however_long_it_is_held(
    open_console: Any, make_worker: Any, display: Display
) -> None:
    async with open_console((120, 40), hotkeys=KEYS) as console:
        await console.until(console.desk.hotkeys._listener.ready.is_set)
        display.press("<ctrl>+<shift>+<f5>")
        await console.sees("hotkey ctrl+shift+f5: nothing to do for success now")
        worker = await make_worker(kind=SessionKind.EVAL)
        await console.attach(worker, "log")
        display.press("<ctrl>+<alt>+t", held=1.2)  # the server repeats it
        await console.until(lambda: console.desk.snapshot.phase is Phase.RUNNING)
        display.press("t")
        display.press("<ctrl>+<shift>+<f5>")
        await console.until(lambda: worker.snapshot.count(Verdict.SUCCESS) == 1)
        assert len(worker.heard_of(protocol.StartTrial)) == 1 and not worker.heard_of(protocol.EndTrial)
        await console.press("question_mark")
        await console.until(lambda: isinstance(console.app.screen, Dialog))
        await console.sees("global hotkeys, whatever has the keyboard: ctrl+alt+t trial, ")
        display.press("<ctrl>+k")
        await console.sees("a dialog is open, close it first")
        display.press("<alt>+s")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)), "a stop acts in dialogs, too")
        assert len(worker.heard_of(protocol.StartTrial)) == 1
        await console.press("escape")
        worker.phase(Phase.RESTED)
        await console.until(lambda: console.desk.snapshot.phase is Phase.RESTED)
        display.lose()
        await console.until(lambda: bool(console.desk.hotkeys.off), "the process does not end with its X server")
        await console.sees("the global hotkeys are off: ")
        assert console.desk.live and not worker.heard_of(protocol.Finish)


@needs_xvfb
@pytest.mark.system("Xvfb")
async def test_a_stop_does_not_wait_for_the_event_loop(open_console: Any, display: Display) -> None:
    stops: list[str] = []

    class Line:
        aimed = True
        stop = staticmethod(stops.append)

    async with open_console((80, 24), hotkeys=KEYS) as console:
        await console.until(console.desk.hotkeys._listener.ready.is_set)
        console.desk._stop_line, kept = Line(), console.desk._stop_line
        display.press("<alt>+s", held=0.3)  # blocks the loop meanwhile
        give_up = 200
        while not stops and (give_up := give_up - 1):
            display.press("<shift>")
        assert stops
        console.desk._stop_line = kept


async def test_over_ssh_they_are_off_and_help_says_why(open_console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.1 22")
    async with open_console((120, 60), hotkeys=KEYS) as console:
        assert console.desk.hotkeys._listener is None
        await console.press("question_mark")
        await console.sees("are off: over SSH")

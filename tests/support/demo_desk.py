"""The demo console in a pseudo-terminal, with what its events say beside what its screen shows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import is_live, read_events
from services.live.phases import Phase
from services.live.running import live_runs
from services.live.snapshots import Snapshot, replay
from tests import ROOT
from tests.support.rig import CONSOLE
from tests.support.terminal import Terminal


class DemoDesk:
    """One operator at the simulated bench. Several consoles may sit at it. `console` is the command that starts one."""

    def __init__(self, home: Path, console: list[str] = CONSOLE) -> None:
        self.home, self.console = home, console
        self.folder = DataFolder(home / "demo")
        self.terminals: list[Terminal] = []

    def open(
        self,
        *arguments: str,
        cols: int = 120,
        rows: int = 40,
        wrap: list[str] | None = None,
        behind: Callable[..., Terminal] = Terminal,
    ) -> Terminal:
        """Start a console: the demo, or with arguments another verb on the demo's data folder.

        `behind` makes its terminal, `wrap` is the program that it runs in.
        """
        command = [*self.console, *(arguments or ("demo",))]
        environment = {"LAB_CONSOLE_HOME": str(self.home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        terminal = behind([*(wrap or []), *command], cols=cols, rows=rows, env=environment, cwd=self.home.parent)
        self.terminals.append(terminal)
        return terminal

    def attach(self, session: str = "", **size: int) -> Terminal:
        """`lab-console attach` from another terminal."""
        return self.open("--data-dir", str(self.folder.root), "attach", *([session] if session else []), **size)

    def start_recording(self, terminal: Terminal, **fields: str) -> RunFolder:
        """Fill in the form and start; returns once the arm holds and waits for space."""
        terminal.wait_for("lab console", 30)
        terminal.press("F3")
        terminal.wait_for("new recording", 20)
        names = ("dataset", "task", "operator", "episodes", "seconds", "reset", "strategy")
        for value in [{"dataset": "first", **fields}.get(name, "") for name in names]:
            if value:
                terminal.press("ctrl+u")
                terminal.type(value)
            terminal.press("enter")
            time.sleep(0.15)
        terminal.wait_until(lambda: bool(live_runs(self.folder)), 20, "no worker was started")
        run = live_runs(self.folder)[0]
        terminal.wait_until(lambda: self.state(run).phase is Phase.IDLE, 60, "the worker does not get past starting")
        terminal.wait_for("align", 10)  # the screen, too: a warm worker is there before it
        return run

    def follow(self, terminal: Terminal, run: RunFolder) -> None:
        """Space, or p after a hold: the follower aligns and follows."""
        terminal.press("p" if self.state(run).phase is Phase.HELD else "space")
        terminal.wait_until(lambda: self.state(run).phase.following, 30, "it does not follow")

    def start_take(self, terminal: Terminal, run: RunFolder) -> int:
        """Space: the next take runs."""
        number = self.state(run).take + 1
        time.sleep(0.6)  # a start right after another key is not believed
        terminal.press("space")
        terminal.wait_until(lambda: self.state(run).phase is Phase.RECORDING, 20, "no take runs")
        return number

    def saved(self, terminal: Terminal, run: RunFolder, take: int, seconds: float = 30.0) -> None:
        """Wait until the take is an episode."""
        terminal.wait_until(lambda: any(e.take == take for e in self.state(run).episodes), seconds, "it is not saved")

    def state(self, run: RunFolder) -> Snapshot:
        """What the events tell."""
        return replay(read_events(run.events))

    def pid(self, run: RunFolder) -> int:
        """The worker's process."""
        return next(e.pid for e in read_events(run.events) if isinstance(e, ev.SessionStarted))

    def world(self) -> Any:
        """The simulated bench itself."""
        from services.sim.client import WorldClient

        return WorldClient(self.folder.root)

    def _kill(self, run: RunFolder) -> None:
        """A worker that has just been started has not told yet which process it is."""
        give_up = time.monotonic() + 10
        while is_live(run) and time.monotonic() < give_up:
            with suppress(StopIteration, ProcessLookupError):
                os.kill(self.pid(run), 9)
            time.sleep(0.05)

    def close(self) -> None:
        """Leave nothing behind."""
        for terminal in self.terminals:
            terminal.close()
        for run in live_runs(self.folder) if self.folder.runs.exists() else []:
            self._kill(run)
        with suppress(OSError):  # no world runs
            self.world().shutdown()

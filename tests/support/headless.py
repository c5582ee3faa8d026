"""A console without a terminal: what a test, or a script that draws pictures, sees and does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from console.app import LabConsole, build
from screens.frame.lab_screen import LabScreen
from screens.widgets.keyline import KeyLine
from screens.widgets.line import Line, Lines
from services.bench.profiles import Benches, Keymap, Profile
from services.folders import DataFolder
from services.live.stop_line import StopLine
from sessions.target import Target
from tests.support.fake_desk import FakeWorker, sim_profile
from tests.support.idle import watched
from tests.support.parsed_styles import share_parsed_styles

share_parsed_styles()


class Console:
    """The app, its pilot, the workers."""

    def __init__(self, app: LabConsole, pilot: Any, folder: DataFolder) -> None:
        self.app, self.pilot, self.folder = app, pilot, folder
        self.desk = app.desk

    @property
    def screen(self) -> LabScreen:
        """The lab screen in front, under any dialog."""
        return next(s for s in reversed(self.app.screen_stack) if isinstance(s, LabScreen))

    def text(self, selector: str) -> str:
        """What a line of the screen in front says."""
        return self.screen.query_one(selector, Line).text

    @property
    def keys(self) -> str:
        return self.screen.query_one(KeyLine).text

    @property
    def tally(self) -> str:
        return self.screen.query_one("#tally-lines", Lines).text

    @property
    def word(self) -> str:
        return self.screen.query_one("#word").text  # type: ignore[attr-defined,no-any-return]

    @property
    def says(self) -> str:
        """The phase panel's sentence as it is on the screen, its rows joined."""
        return " ".join(self.text("#says").split())

    @property
    def everything(self) -> str:
        """All characters on the screen, as the terminal gets them."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    async def until(self, condition: Any, what: str = "") -> None:
        """Let the app go on until `condition`."""
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            if condition():
                await self.pilot.pause()
                return
            await asyncio.sleep(0.01)
            await self.pilot.pause()
        raise AssertionError(f"{what or 'not in time'}; the screen shows:\n{self.everything}")

    async def sees(self, text: str) -> None:
        await self.until(lambda: text in self.everything, f"{text!r} does not appear")

    async def still(self) -> None:
        """Until the screen stands still (or five seconds are over: something blinks)."""
        before, seen = "", self.everything
        for _ in range(100):
            if before == seen:
                return
            await asyncio.sleep(0.05)
            await self.pilot.pause()
            before, seen = seen, self.everything

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def attach(self, worker: FakeWorker, screen: str = "record", *, drive: bool = True) -> None:
        """Attach, and show a screen."""
        await self.desk.attach(worker.run, drive=drive)
        self.app.switch_mode(screen)
        await self.until(lambda: self.screen.id == screen and self.desk.link.welcome is not None)  # type: ignore[union-attr]


@asynccontextmanager
async def opened(
    folder: DataFolder,
    size: tuple[int, int] = (120, 40),
    profiles: dict[str, Profile] | None = None,
    line: StopLine | None = None,
    keymap: dict[str, str] | None = None,
    targets: dict[str, Target] | None = None,
    hotkeys: dict[str, str] | None = None,
) -> AsyncIterator[Console]:
    """The console at this data folder, until the end of the block; operator `tg`."""
    profiles = profiles or {"sim": sim_profile()}
    first = next(iter(profiles))
    benches = Benches(profiles, first, None, Keymap(keymap or {}), targets or {}, hotkeys or {})
    app = build(folder, benches, profiles[first], demo=False, attach=None, headless=True)
    app.desk.name = "tg"
    app.desk._stop_line = line
    async with watched(app), app.run_test(size=size) as pilot:
        console = Console(app, pilot, folder)
        await console.until(lambda: app.current_mode == "bench", "the console does not open")
        yield console
        await app.desk.leave()

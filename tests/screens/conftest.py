"""A console without a terminal, and scripted workers; both gone afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import services.live.launch
from console.app import LabConsole, build
from screens.frame.lab_screen import LabScreen
from screens.widgets.keyline import KeyLine
from screens.widgets.line import Line, Lines
from services.bench.profiles import Benches, Keymap, Profile
from services.folders import DataFolder
from services.live.stop_line import StopLine
from tests.support.fake_desk import FakeWorker, empty_folder, no_scribe, sim_profile

Until = Callable[[Callable[[], bool]], Awaitable[None]]


class Console:
    """What a test sees and does: the app, its pilot, the workers."""

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
        return self.text("#says")

    @property
    def everything(self) -> str:
        """All characters on the screen, as the terminal gets them."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
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

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def attach(self, worker: FakeWorker, screen: str = "record", *, drive: bool = True) -> None:
        """Attach, and show a screen."""
        await self.desk.attach(worker.run, drive=drive)
        self.app.switch_mode(screen)
        await self.until(lambda: self.screen.id == screen and self.desk.link.welcome is not None)  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process is started."""
    monkeypatch.setattr(services.live.launch, "start_scribe", no_scribe)


@pytest.fixture
async def make_worker(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[FakeWorker]]]:
    """Start scripted workers in the test's data folder."""
    made: list[FakeWorker] = []

    async def make(*, open_dataset: bool = True, **values: Any) -> FakeWorker:
        worker = FakeWorker(empty_folder(tmp_path / "lab"), **values)
        made.append(worker)
        return await worker.start(open_dataset=open_dataset)

    yield make
    for worker in made:
        await worker.stop()


@pytest.fixture
def open_console(tmp_path: Path) -> Callable[..., Any]:
    """`async with open_console() as console`."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40),
        profiles: dict[str, Profile] | None = None,
        line: StopLine | None = None,
        keymap: dict[str, str] | None = None,
    ) -> AsyncIterator[Console]:
        folder = empty_folder(tmp_path / "lab")
        profiles = profiles or {"sim": sim_profile()}
        first = next(iter(profiles))
        benches = Benches(profiles, first, None, Keymap(keymap or {}))
        app = build(folder, benches, profiles[first], demo=False, attach=None, headless=True)
        app.desk.name = "tg"
        app.desk._stop_line = line
        async with app.run_test(size=size) as pilot:
            console = Console(app, pilot, folder)
            await console.until(lambda: app.current_mode == "bench", "the console does not open")
            yield console
            await app.desk.leave()

    return opened

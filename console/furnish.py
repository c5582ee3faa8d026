"""What the console sets up after the first paint: the desk, the screens and their styles.

Importing this module imports everything that Bench needs, which takes longer than importing Textual.
"""

from __future__ import annotations

import asyncio
import getpass
import inspect
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.screen import ModalScreen

from console.stop_key_driver import send_stops_to
from screens.desk.desk import Desk
from screens.frame import registry
from screens.frame.availability import why_not
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from screens.widgets.ascii import draw_scroll_bars
from services.bench.profiles import Benches, Profile
from services.folders import DataFolder, RunFolder
from services.live.stop_line import StopLine
from services.training.runs import request_of
from sessions.models import SessionKind

if TYPE_CHECKING:
    from console.app import LabConsole
    from screens.frame.lab_screen import LabScreen
    from screens.frame.registry import ScreenEntry

FRAME_STYLES = Path(__file__).with_name("console.tcss")


def make_desk(folder: DataFolder, benches: Benches, profile: Profile, *, demo: bool, headless: bool) -> Desk:
    """The desk of the current user; connects the stop key to its stop line."""
    name = ""
    with suppress(OSError, KeyError):
        name = getpass.getuser()
    line = None if headless else StopLine()
    if line is not None:
        send_stops_to(line)
    return Desk(folder, benches, profile, name=name, demo=demo, stop_line=line)


def furnish(app: LabConsole) -> None:
    """Choose the signs for this terminal, register a mode per screen and load the shared styles."""
    ascii_only = not speaks_utf8()
    use_signs(ASCII if ascii_only else UNICODE)
    draw_scroll_bars(ascii_only=ascii_only)
    app.set_class(ascii_only, "-ascii")
    for entry in registry.SCREENS:
        app.add_mode(entry.mode, partial(_build, app, entry))
    _style(app, FRAME_STYLES)


def _build(app: LabConsole, entry: ScreenEntry) -> LabScreen:
    """Build a screen that keeps the loaded styles; Textual would reparse all of them, twice per screen."""
    screen = entry.build(app.desk)
    screen._css_update_count = app._css_update_count
    screen.link_state = app.link_state
    return screen


def listen_for_hotkeys(app: LabConsole) -> None:
    """Global hotkeys of lab.toml act from now on, where there are any."""
    desk = app.desk
    desk.hotkeys.start(types=lambda: isinstance(app.screen, ModalScreen), why_not=lambda name: why_not(name, desk))


async def prepare(app: LabConsole, *modes: str) -> None:
    """Import screens (all if none is named) in a thread and load their styles, so that they open at once."""
    for entry in registry.every_screen():
        if not modes or entry.mode in modes:
            screen = await asyncio.to_thread(entry.load)
            _style(app, *styles_of(screen))


def styles_of(screen: type[LabScreen]) -> list[Path]:
    """The files of a screen's CSS_PATH, resolved beside its module as Textual does."""
    paths = screen.CSS_PATH or []
    beside = Path(inspect.getfile(screen)).parent
    return [(beside / path).resolve() for path in (paths if isinstance(paths, list) else [paths])]


def _style(app: LabConsole, *paths: Path) -> None:
    """Load styles that are not loaded yet. A screen that did it on opening would reparse all earlier ones."""
    new = [path for path in paths if not app.stylesheet.has_source(str(path))]
    if new:
        app.stylesheet.read_all(new)
        app.stylesheet.parse()


async def join_training(desk: Desk, run: RunFolder) -> bool:
    """Attach to `run` if it is a training; returns whether it is."""
    training = await asyncio.to_thread(request_of, run)
    if training is not None:
        desk.join(run, SessionKind.TRAIN)
    return training is not None

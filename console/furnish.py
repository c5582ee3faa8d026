"""What the console takes in once it has painted: the desk, the screens and their styles.

Loading this loads all that Bench needs, which takes longer than Textual itself: the first paint comes before it.
"""

from __future__ import annotations

import asyncio
import getpass
import inspect
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.stop_key_driver import send_stops_to
from screens.desk.desk import Desk
from screens.frame import registry
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
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
    """The desk of this console's operator; the stop key goes through its stop line."""
    name = ""
    with suppress(OSError, KeyError):
        name = getpass.getuser()
    line = None if headless else StopLine()
    if line is not None:
        send_stops_to(line)
    return Desk(folder, benches, profile, name=name, demo=demo, stop_line=line)


def furnish(app: LabConsole) -> None:
    """Signs that this terminal shows, the screens by their modes, and the styles that all of them share."""
    ascii_only = not speaks_utf8()
    use_signs(ASCII if ascii_only else UNICODE)
    app.set_class(ascii_only, "-ascii")
    for entry in registry.SCREENS:
        app.add_mode(entry.mode, partial(_build, app, entry))
    _style(app, FRAME_STYLES)


def _build(app: LabConsole, entry: ScreenEntry) -> LabScreen:
    """A new screen, with the styles as they are: Textual would else parse all of them anew, twice, for each."""
    screen = entry.build(app.desk)
    screen._css_update_count = app._css_update_count
    return screen


async def prepare(app: LabConsole, *modes: str) -> None:
    """Load screens (all where none is named), in a thread, and their styles: they open at once afterwards."""
    for entry in registry.SCREENS:
        if not modes or entry.mode in modes:
            screen = await asyncio.to_thread(entry.load)
            _style(app, *styles_of(screen))


def styles_of(screen: type[LabScreen]) -> list[Path]:
    """The files of a screen's CSS_PATH, as Textual finds them beside its module."""
    paths = screen.CSS_PATH or []
    beside = Path(inspect.getfile(screen)).parent
    return [(beside / path).resolve() for path in (paths if isinstance(paths, list) else [paths])]


def _style(app: LabConsole, *paths: Path) -> None:
    """Read styles once. Left to a screen that opens, Textual would parse all that it has read before once more."""
    new = [path for path in paths if not app.stylesheet.has_source(str(path))]
    if new:
        app.stylesheet.read_all(new)
        app.stylesheet.parse()


async def join_training(desk: Desk, run: RunFolder) -> bool:
    """Attach to a training; False where the run is none."""
    training = await asyncio.to_thread(request_of, run)
    if training is not None:
        desk.join(run, SessionKind.TRAIN)
    return training is not None

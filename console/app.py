"""Builds the desk and the screens, introduces them to each other, and leaves in order."""

from __future__ import annotations

import asyncio
import getpass
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.command import Provider
from textual.widgets import Static

import screens
from console.stop_key_driver import StopKeyDriver, set_text_entry, stop_line
from console.terminal import escape_time_warning, tmux_escape_time
from console.theme import LAB_DARK
from console.type_ahead import TypeAhead
from screens.desk.desk import Desk
from screens.frame import registry
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from services.bench.profiles import Benches, Profile
from services.folders import DataFolder, RunFolder
from services.training.runs import asked
from sessions.models import SessionKind

FIRST_SCREEN = Path(screens.__file__).parent / "bench" / "bench.tcss"
"""Read with the app's own styles: coming later, it would make Textual parse them all once more."""


def _actions() -> type[Provider]:
    """The palette's entries, loaded when it opens first."""
    from screens.frame.palette import Actions

    return Actions


class LabConsole(App[int]):
    """One terminal at one bench."""

    TITLE = "lab console"
    CSS_PATH: ClassVar = ["console.tcss", FIRST_SCREEN]
    ESCAPE_TO_MINIMIZE = False
    COMMANDS: ClassVar = {_actions}
    BINDINGS: ClassVar = [
        Binding("ctrl+q", "leave", "leave", show=False, priority=True, id="app.leave", tooltip="Leave the console"),
    ]

    def __init__(self, desk: Desk, *, attach: RunFolder | None = None, headless: bool = False) -> None:
        super().__init__(driver_class=None if headless else StopKeyDriver, watch_css=False)
        self.desk = desk
        self._joins = attach
        self._type_ahead = TypeAhead(self, super().on_event)
        desk.bells.ring = self.bell
        desk.keys_moved = self._say_where_keys_go
        self.register_theme(LAB_DARK)
        self.set_reactive(App.theme, LAB_DARK.name)  # without its watcher, which would parse all styles anew
        self.stylesheet.set_variables(self.get_css_variables())
        for entry in registry.SCREENS:
            self.add_mode(entry.mode, partial(entry.build, desk))

    def compose(self) -> ComposeResult:
        """What is seen first, while the screens are still being loaded."""
        yield Static(f" {self.TITLE}", id="opening", markup=False)

    def on_mount(self) -> None:
        """First paint first; what looks at disk, processes or tmux comes after it."""
        self.desk.listen()
        self._leave_on_signals()
        self.call_after_refresh(self._furnish)

    def _leave_on_signals(self) -> None:
        """A closed terminal or SIGTERM detaches, as q does, without a question."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread: a test
                loop.add_signal_handler(number, self._detach)

    async def _furnish(self) -> None:
        """Bench, or at once the training that is joined: nothing of Bench has to be there for it."""
        joins = self._joins
        training = await asyncio.to_thread(asked, joins) if joins else None
        if joins and training:
            self._joins = None
            self.desk.join(joins, SessionKind.TRAIN)
            await self.switch_mode("train")
        else:
            await self.switch_mode("bench")
        self._type_ahead.begin()
        self.call_after_refresh(self._look_around)

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes act one after the other, the first once there is a screen."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    def _look_around(self) -> None:
        if self._joins is not None:
            self.run_worker(self._join(self._joins))
        self.desk.spawn(self._warn_of_tmux())

    async def _join(self, run: RunFolder) -> None:
        """Attach to a session with an arm, and show it."""
        await self.desk.join(run, None)
        if entry := registry.shows(self.desk.kind):
            self.switch_mode(entry.mode)

    async def _warn_of_tmux(self) -> None:
        warning = escape_time_warning(await asyncio.to_thread(tmux_escape_time))
        if warning:
            self.desk.notice(warning)

    # --- where keys go --------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """In a text x is a letter, and only Esc stops."""
        self._say_where_keys_go()

    def on_descendant_blur(self) -> None:
        """Keys are keys again."""
        self._say_where_keys_go()

    def _say_where_keys_go(self) -> None:
        focused = self.focused if self.screen_stack else None
        set_text_entry(focused is not None and focused.check_consume_key("x", "x"))

    # --- leaving --------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; asks first when a session would go on without this console."""
        from screens.frame import leave

        leave.ask(self, self.desk, self._detach)

    async def action_quit(self) -> None:
        """Textual's own way out takes the same path."""
        self.action_leave()

    def _detach(self) -> None:
        self.run_worker(self._close(), exclusive=True)

    async def _close(self) -> None:
        await self.desk.leave()
        self.exit(0)

    def on_stop_key_driver_terminal_lost(self) -> None:
        """No terminal, no keys: detach."""
        self._detach()


def build(
    folder: DataFolder,
    benches: Benches,
    profile: Profile,
    *,
    demo: bool,
    attach: RunFolder | str | None,
    headless: bool = False,
) -> LabConsole:
    """The console, not yet running."""
    ascii_only = not speaks_utf8()
    use_signs(ASCII if ascii_only else UNICODE)
    name = ""
    with suppress(OSError, KeyError):
        name = getpass.getuser()
    desk = Desk(folder, benches, profile, name=name, demo=demo, stop_line=None if headless else stop_line)
    run_folder = folder.run(attach) if isinstance(attach, str) else attach
    app = LabConsole(desk, attach=run_folder, headless=headless)
    app.set_class(ascii_only, "-ascii")
    return app


def run(folder: DataFolder, benches: Benches, profile: Profile, *, demo: bool, attach: RunFolder | str | None) -> int:
    """Run the console until the operator leaves; returns the exit status."""
    sys.setswitchinterval(0.001)  # the stop key's thread must not wait 5 ms for a screen that is being drawn
    result = build(folder, benches, profile, demo=demo, attach=attach).run()
    return result or 0

"""The console as a Textual app: paints first, then loads desk and screens, routes keys and shuts down in order.

It is loaded before the first paint: imports that only a screen or a session needs belong in `console.furnish`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from console import crash
from console.exit import FAILED, OK, complain
from console.held_keys import HELD, ONCE, HeldKeys
from console.painting import PacedPainting
from console.stop_key_driver import StopKeyDriver, set_stop_keys, set_text_entry
from console.terminal import escape_time_warning, tmux_escape_time
from console.theme import LAB_DARK
from console.type_ahead import TypeAhead

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.link_state import LinkState
    from services.bench.profiles import Benches, Keymap, Profile
    from services.folders import DataFolder, RunFolder
    from services.training.watching.source import Source

OTHERS_AFTER_S = 0.5
"""Delay after Bench is shown until the other screens are loaded, so that they open at once."""
LINK_S = 0.5
"""How often the link's lag and rate are noted."""
LEAVE_ANYWAY_S = 5.0
"""Longest wait for the first screen when leaving during startup: Textual cannot close a half-built screen."""


class LabConsole(PacedPainting):
    """One terminal at one bench."""

    TITLE = "lab console"
    ESCAPE_TO_MINIMIZE = False
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [
        Binding("ctrl+q", "leave", "leave", show=False, priority=True, id="app.leave", tooltip="Leave the console"),
        Binding(
            "ctrl+l",
            "forget_screen",
            "repaint",
            show=False,
            priority=True,
            id="app.repaint",
            tooltip="Paint the whole screen anew",
        ),
    ]

    def __init__(
        self,
        make_desk: Callable[[], Desk],
        *,
        attach: RunFolder | None = None,
        watch: Source | None = None,
        headless: bool = False,
    ) -> None:
        super().__init__(driver_class=None if headless else StopKeyDriver, watch_css=False)
        self._make_desk = make_desk
        self._run_to_attach = attach
        self._watch = watch
        self._furnished = asyncio.Event()
        self.farewell = ""
        """What the shell is told once the console is left."""
        self._type_ahead = TypeAhead(self, self._obey)
        self._held_keys = HeldKeys()
        self.register_theme(LAB_DARK)
        self.set_reactive(App.theme, LAB_DARK.name)  # without its watcher, which would parse all styles anew
        self.stylesheet.set_variables(self.get_css_variables())

    @cached_property
    def desk(self) -> Desk:
        """Built on first use, which is after the first paint: its imports are slow."""
        desk = self._make_desk()
        desk.bells.ring = self.bell
        desk.on_focus_moved = self._update_text_entry
        desk.on_failure = self._handle_exception
        return desk

    @cached_property
    def link_state(self) -> LinkState:
        """How far the terminal lags: the driver writes it, the screens show it. Read it after the first paint only."""
        from screens.frame.link_state import LinkState

        return LinkState()

    def use_keymap(self, keymap: Keymap) -> None:
        """Apply the keymap of lab.toml, before any screen is built. Raises ProfileProblem if it is invalid."""
        from screens.frame.keymap import check
        from screens.views import keys

        checked = check(keymap, [binding for _, binding in self._bindings])
        keys.use_keymap(checked.keys, checked.added)
        self._bindings.apply_keymap(checked.keys)
        set_stop_keys(checked.stops)

    def compose(self) -> ComposeResult:
        """A placeholder until the screens are loaded."""
        yield Static(f" {self.TITLE}", id="opening", markup=False)

    def on_mount(self) -> None:
        """Defer slow imports, and reads of disk, processes and tmux, until after the first paint."""
        self._leave_on_signals()
        self.call_after_refresh(self._furnish)

    def _leave_on_signals(self) -> None:
        """A closed terminal (SIGHUP) or SIGTERM detaches without a question."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            with suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread: a test
                loop.add_signal_handler(number, self._detach)

    async def _furnish(self) -> None:
        try:
            await self._load_screens()
        finally:
            self._furnished.set()
        self._type_ahead.begin()
        self.call_after_refresh(self._start_background_work)

    async def _load_screens(self) -> None:
        """Show Bench, or Train at once when attaching to a training: that needs nothing of Bench."""
        await asyncio.to_thread(import_module, "console.furnish")
        from console import furnish

        furnish.furnish(self)
        self.desk.listen()
        training = self._run_to_attach is not None and await furnish.join_training(self.desk, self._run_to_attach)
        if training:
            self._run_to_attach = None
        if self._watch is not None:
            self.desk.runs.follow_log(self._watch)
        first = "train" if training or self._watch is not None else "bench"
        await furnish.prepare(self, first)
        await self.switch_mode(first)

    async def on_event(self, event: events.Event) -> None:
        """Process keys and pastes one at a time, once there is a screen."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    async def _obey(self, event: events.Key | events.Paste) -> None:
        """In its turn: a held key judges and starts nothing, nor does a word of a note that was refused."""
        if not (isinstance(event, events.Key) and (self._is_held(event) or self._is_word(event))):
            await super().on_event(event)

    def _is_held(self, event: events.Key) -> bool:
        """Whether it comes from a key that is held down, and would do what a press does once."""
        held, screen = self._held_keys.note(event.key, event.time), self.screen if self.screen_stack else None
        if not held or screen is None or screen.focused is not None:
            return False
        bound = screen._bindings.key_to_bindings.get(event.key, ())
        if ONCE.isdisjoint(binding.action.partition("(")[0] for binding in bound):
            return False
        if self._held_keys.begins:
            self.desk.refuse(HELD)
        return True

    def _is_word(self, event: events.Key) -> bool:
        from screens.frame.bindings import BoundScreen

        screen = self.screen if self.screen_stack else None
        return isinstance(screen, BoundScreen) and screen.focused is None and screen.is_word(event)

    def _start_background_work(self) -> None:
        from console import furnish

        self.set_interval(LINK_S, partial(self.note_link, self.link_state))
        self.set_timer(OTHERS_AFTER_S, self._prepare_other_screens)
        if self._run_to_attach is not None:
            self.run_worker(self._join(self._run_to_attach))
        self.desk.spawn(self._warn_of_tmux())
        furnish.listen_for_hotkeys(self)

    @work
    async def _prepare_other_screens(self) -> None:
        from console import furnish

        await furnish.prepare(self)

    async def _join(self, run: RunFolder) -> None:
        """Attach to an arm session and show its screen."""
        from screens.frame import registry

        await self.desk.join(run, None)
        if entry := registry.shows(self.desk.kind):
            self.switch_mode(entry.mode)

    async def _warn_of_tmux(self) -> None:
        warning = escape_time_warning(await asyncio.to_thread(tmux_escape_time))
        if warning:
            self.desk.notice(warning)

    # --- text fields ----------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """In a text field x is a letter, and only Esc stops."""
        self._update_text_entry()

    def on_descendant_blur(self) -> None:
        self._update_text_entry()

    def _update_text_entry(self) -> None:
        focused = self.focused if self.screen_stack else None
        takes_letters = bool(self.screen_stack) and getattr(self.screen, "takes_letters", False)  # SearchDialog's
        set_text_entry(takes_letters or (focused is not None and focused.check_consume_key("x", "x")))

    def action_forget_screen(self) -> None:
        """Paint everything: something else wrote to the terminal."""
        self.forget_screen()

    # --- leaving --------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; asks first if a session would keep running without this console."""
        from screens.frame import leave

        leave.ask(self, self.desk, self._detach)

    async def action_quit(self) -> None:
        """Textual's own quit action does the same."""
        self.action_leave()

    def _detach(self) -> None:
        self.run_worker(self._close(), exclusive=True)

    async def _close(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._furnished.wait(), LEAVE_ANYWAY_S)
        if "desk" in self.__dict__:  # otherwise nothing was ever attached
            from screens.frame.leave import farewell

            self.farewell = farewell(self.desk)
            await self.desk.leave()
        self.exit(0)

    # --- an exception that nobody caught --------------------------------------------------------

    def _fatal_error(self) -> None:
        """Leave at once; Textual would draw the traceback first. `run` says what happened."""
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """As Textual's, but for the same sentence: its input thread reports its exceptions here."""
        self._return_code = 1
        super().panic(*renderables)

    def _print_error_renderables(self) -> None:
        """Print none: `run` says what happened, in one sentence."""
        self._exit_renderables.clear()

    @property
    def failure(self) -> BaseException | None:
        """The exception that ended the console."""
        return self._exception

    @property
    def left_a_dead_link(self) -> bool:
        """Whether the terminal took nothing any more when it was left: printing to it would wait for ever."""
        return isinstance(self._driver, StopKeyDriver) and self._driver.output is not None and self._driver.output.stuck

    def on_stop_key_driver_terminal_lost(self) -> None:
        self._detach()


def build(
    folder: DataFolder,
    benches: Benches,
    profile: Profile,
    *,
    demo: bool,
    attach: RunFolder | str | None,
    watch: Source | None = None,
    headless: bool = False,
) -> LabConsole:
    """Build the console without running it. Raises ProfileProblem if the keymap of lab.toml is invalid."""

    def make_desk() -> Desk:
        from console import furnish

        return furnish.make_desk(folder, benches, profile, demo=demo, headless=headless)

    run_folder = folder.run(attach) if isinstance(attach, str) else attach
    app = LabConsole(make_desk, attach=run_folder, watch=watch, headless=headless)
    if benches.keymap.keys:  # checking it loads every screen
        app.use_keymap(benches.keymap)
    return app


def run(
    folder: DataFolder,
    benches: Benches,
    profile: Profile,
    *,
    demo: bool,
    attach: RunFolder | str | None,
    watch: Source | None = None,
) -> int:
    """Run the console until the operator leaves; returns the exit status."""
    sys.setswitchinterval(0.001)  # the stop key's thread must not wait 5 ms for a redraw
    app = build(folder, benches, profile, demo=demo, attach=attach, watch=watch)
    result = app.run()
    listens = not app.left_a_dead_link
    if app.farewell and listens:
        with suppress(OSError):  # the terminal may be closed
            print(app.farewell, flush=True)
    if not app.return_code:
        return result or OK
    problem = crash.report(app.failure or RuntimeError("the terminal cannot be read"), folder.root, crash.CONSOLE)
    if listens:
        complain(problem)
    return FAILED

"""The stop key: Textual's terminal driver with a path from the input thread to the worker that bypasses Textual.

Every chunk of input goes through the stop scanner before Textual sees it. A stop is written to the worker's socket
before anything else happens, whatever the event loop is doing, even with a dialog open. The bytes then go to
Textual unchanged, so Esc still closes what is open.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from textual import constants
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from console.answers import Answers
from console.terminal_output import TerminalOutput
from services.live.stop_keys import StopKey, StopKeys, StopScanner

if TYPE_CHECKING:
    from services.live.stop_line import StopLine

_IDLE_S = 0.1
_TICK_S = 0.01
_text_entry = threading.Event()
_line: StopLine | None = None
_stop_keys = StopKeys.adding()


def send_stops_to(line: StopLine) -> None:
    """Send stops to `line` from now on; the desk aims it while something can move, and disarms it otherwise."""
    global _line  # noqa: PLW0603  Textual constructs the driver: it takes no further arguments
    _line = line


def set_text_entry(typing: bool) -> None:
    """Set whether a text field has the focus: then x is a letter, and only Esc stops."""
    if typing:
        _text_entry.set()
    else:
        _text_entry.clear()


def set_stop_keys(keys: StopKeys) -> None:
    """Set which keys stop besides Esc; takes effect when the terminal is opened."""
    global _stop_keys  # noqa: PLW0603  as above
    _stop_keys = keys


class StopKeyDriver(LinuxDriver):
    """Sends the stop key to the stop line from the input thread, which waits for nothing but the terminal.

    When the terminal is gone the thread ends and the app gets a `TerminalLost`.
    """

    class TerminalLost(Message):
        """The terminal is gone: no more keys will arrive."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        vars(linux_driver)["WriterThread"] = TerminalOutput  # the driver constructs it, and offers no other way

    @property
    def output(self) -> TerminalOutput | None:
        """Where updates go; None before the terminal is opened."""
        return cast(TerminalOutput | None, self._writer_thread)

    def stop_application_mode(self) -> None:
        """Restore the terminal, even if it has not taken everything yet."""
        if self.output is not None:
            self.output.wind_up()
        super().stop_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        """Resume only after a suspend.

        A lost terminal sends SIGCONT as well: Textual would restart, with a second thread reading keys.
        """
        if self._must_signal_resume:
            super()._sigcont_application()

    def run_input_thread(self) -> None:
        """Read the terminal until the app exits: stops to the worker first, then events to Textual."""
        scanner = StopScanner(_stop_keys)
        decode = getincrementaldecoder("utf-8")("replace").decode  # a stray byte must not end this thread
        self._parser = XTermParser(self._debug)
        assert self.output is not None
        answers = Answers(self.output.flow)
        quiet_since = 0.0
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(self._select_timeout(scanner, quiet_since)):
                    data = self._read()
                    if not data:
                        self.send_message(self.TerminalLost())
                        break
                    quiet_since = time.monotonic()
                    self._send(scanner.feed(data, quiet_since, text_entry=_text_entry.is_set()))
                    self._dispatch(decode(answers.feed(data, quiet_since)))
                self._send(scanner.expire(time.monotonic()))
                if late := answers.expire(time.monotonic()):
                    self._dispatch(decode(late))
                    self._parser._timeout_time = 0.0  # it has waited for as long as a lone Esc waits: no alt+key of it
                self._dispatch("")
        self._send(scanner.expire(float("inf")))  # pressed while the app was leaving

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:  # EIO: the other side of the terminal is closed
            return b""

    def _select_timeout(self, scanner: StopScanner, quiet_since: float) -> float:
        """Seconds to wait for input: until the next decision due in the scanner or in Textual's parser."""
        now = time.monotonic()
        due = scanner.deadline()
        if due is not None:
            return min(max(due - now, 0.0), _IDLE_S)
        undecided = now - quiet_since <= constants.ESCAPE_DELAY + _TICK_S
        return _TICK_S if undecided else _IDLE_S

    def _send(self, stops: list[StopKey]) -> None:
        if stops and _line is not None:
            _line.stop(stops[0].cause)

    def _dispatch(self, text: str) -> None:
        """Feed `text` to Textual's parser; if empty, let the parser time out an unfinished sequence."""
        try:
            events: Iterable[Message] = self._parser.feed(text) if text else self._parser.tick()
            for event in events:
                self.process_message(event)
        except (ParseError, ValueError, OverflowError):  # e.g. an invalid key code: start over
            self._parser = _fresh_parser(self._parser, self._debug)


def _fresh_parser(parser: XTermParser, debug: bool) -> XTermParser:
    """A parser between sequences that keeps what `parser` knows of the terminal."""
    new = XTermParser(debug)
    new.mouse_pixels = parser.mouse_pixels
    new.terminal_size, new.terminal_pixel_size = parser.terminal_size, parser.terminal_pixel_size
    return new

"""Plays an episode at its recorded pace: what the terminal is too slow for is left out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.timer import Timer

if TYPE_CHECKING:
    from screens.episode.screen import EpisodeScreen

BEHIND_S = 0.25
"""No further frame is drawn while the terminal has not taken output that is older than this."""
BESIDE_ARM = 10.0
"""Frames per second while a session with an arm runs: its screen's work goes first."""
MOST = 30.0
"""Frames per second at most."""


class Player:
    """Moves the screen's cursor with the clock, one frame at a time under way."""

    def __init__(self, screen: EpisodeScreen) -> None:
        self._screen = screen
        self._timer: Timer | None = None
        self._began = 0.0
        self._first = 0
        self._waits = False

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._timer is not None

    def toggle(self) -> None:
        """Play on from the cursor, from the begin if it is at the end; or pause."""
        opened = self._screen.opened
        if self._timer is not None:
            self.stop()
        elif opened is not None:
            self._first = 0 if self._screen.frame >= opened.frames - 1 else self._screen.frame
            self._began, self._waits = time.monotonic(), False
            rate = min(opened.fps, BESIDE_ARM if self._screen.desk.live else MOST)
            self._timer = self._screen.set_interval(1 / rate, self._step)

    def stop(self) -> None:
        """Pause where it is."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def drawn(self) -> None:
        """The frame asked for is on the screen."""
        self._waits = False

    def _step(self) -> None:
        opened = self._screen.opened
        if opened is None or self._timer is None:
            return
        frame = self._first + int((time.monotonic() - self._began) * opened.fps)
        over = frame >= opened.frames - 1
        if over:
            self.stop()
        elif self._waits or frame == self._screen.frame or self._screen.link_state.behind_s > BEHIND_S:
            return
        self._waits = bool(opened.cameras) and not self._screen.has_class("-details")
        self._screen.go_to(frame)
        if over:
            self._screen.redraw()

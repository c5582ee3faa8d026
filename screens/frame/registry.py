"""The table of screens, one entry each: the source of modes, keys, the order of `[` and `]`, tabs and palette."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from sessions.models import SessionKind

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.frame.lab_screen import LabScreen


def always(desk: Desk) -> bool:
    """The rule of a screen that can be opened at any time."""
    return True


@dataclass(frozen=True)
class ScreenEntry:
    """One screen: its mode, which is also its id; the keys that open it, with commas; where its class is.

    `loads` is `module:Class`, imported when the screen is first shown. Sessions of `kind` are shown on this screen.
    `opens` is whether the screen can be opened now; `short` a shorter name for the tabs of a narrow terminal.
    """

    mode: str
    keys: str
    loads: str
    help: str
    kind: SessionKind | None = None
    name: str = ""
    short: str = ""
    opens: Callable[[Desk], bool] = always

    @property
    def title(self) -> str:
        """The screen's name in its tab, in help and palette."""
        return self.name or self.mode

    @property
    def action(self) -> str:
        """The action of its keys."""
        return f"go('{self.mode}')"

    def load(self) -> type[LabScreen]:
        """Import and return its class."""
        module, _, name = self.loads.partition(":")
        found: type[LabScreen] = getattr(import_module(module), name)
        return found

    def build(self, desk: Desk) -> LabScreen:
        """Construct the screen without showing it."""
        return self.load()(desk, self)


SCREENS: tuple[ScreenEntry, ...] = (
    ScreenEntry("bench", "f2", "screens.bench.screen:BenchScreen", "What is connected, what runs"),
    ScreenEntry(
        "record", "f3", "screens.record.screen:RecordScreen", "Record demonstrations", SessionKind.RECORD, short="rec"
    ),
    ScreenEntry("train", "f4", "screens.train.screen:TrainScreen", "Train, watch the curves", SessionKind.TRAIN),
    ScreenEntry(
        "evaluate",
        "f5",
        "screens.evaluate.screen:EvaluateScreen",
        "Run a policy, judge it",
        SessionKind.EVAL,
        short="eval",
    ),
    ScreenEntry("log", "f7", "screens.log.screen:LogScreen", "Every session, newest first"),
)

EPISODE = ScreenEntry("episode", "", "screens.episode.screen:EpisodeScreen", "Look at a recorded episode")
"""Opened over the others, by `Desk.look_at`."""


def every_screen() -> tuple[ScreenEntry, ...]:
    """The screens of the table, and those that are opened over them."""
    return (*SCREENS, EPISODE)


def shows(kind: SessionKind | None) -> ScreenEntry | None:
    """The screen for sessions of this kind; None for bench sessions, which Bench shows."""
    return next((entry for entry in SCREENS if kind is not None and entry.kind is kind), None)


def next_mode(mode: str, by: int, desk: Desk) -> str:
    """The mode `by` places further in the table, wrapping around; screens that cannot be opened are skipped."""
    modes = [entry.mode for entry in SCREENS if entry.mode == mode or entry.opens(desk)]
    return modes[(modes.index(mode) + by) % len(modes)]

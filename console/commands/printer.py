"""Shows the session that a verb follows: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from console.commands.news import News, amount
from console.streams import raw
from services.live.phases import Phase
from services.live.reasons import Step
from services.live.snapshots import Snapshot
from services.text import clean
from sessions.models import SessionKind

EVERY_S = 5.0
"""Shortest time between two progress lines of a training."""
OMITTED_PHASES = {
    SessionKind.TRAIN: frozenset({Phase.TRAINING, Phase.SAVING}),
    SessionKind.EVAL: frozenset({Phase.ALIGNING, Phase.RESTING, Phase.RESTED}),
}
"""Phases that plain lines omit: their results are printed anyway."""


class Printer:
    """Prints what changed."""

    def __init__(self, *, says_end: bool = False) -> None:
        """`says_end`: print why the session ended, which verbs that started it say themselves."""
        self._news, self._says_end = News(), says_end
        self._last: tuple[Phase, str] | None = None
        self._step, self._steps_printed_at = 0, time.monotonic()
        self._bar = Bar() if sys.stdout.isatty() else None

    def skip(self, state: Snapshot) -> None:
        """Take what `state` holds as printed."""
        self._news.of(state)

    def show(self, state: Snapshot) -> None:
        """Print what is new in `state`."""
        for line in self._news.of(state):
            self.say(line)
        why = state.end_reason if self._says_end else ""
        now = (state.phase, why if state.phase is Phase.ENDED else state.detail)
        text = clean(f"{now[0].value}: {now[1]}" if now[1] else now[0].value)
        if self._bar is not None:
            self._bar.show(text, *amount(state))
        elif now != self._last and not _is_omitted(state):
            print(text, flush=True)
        self._last = now
        if self._bar is None:
            self._print_steps(state)

    def _print_steps(self, state: Snapshot) -> None:
        """Print a training's progress if it advanced, at most every EVERY_S."""
        training, now = state.training, time.monotonic()
        if training is None or training.step <= self._step or now - self._steps_printed_at < EVERY_S:
            return
        self._step, self._steps_printed_at = training.step, now
        self.say(f"step {amount(state)[2]}")

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if self._bar is not None:
            self._bar.say(clean(line))
        else:
            print(clean(line), flush=True)

    def close(self) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.close()


def _is_omitted(state: Snapshot) -> bool:
    kind = state.started.kind if state.started else None
    omitted = OMITTED_PHASES.get(kind, frozenset()) if kind else frozenset()
    stopping = kind is SessionKind.TRAIN and state.phase is Phase.TRAINING and state.step is Step.STOPPING
    return state.phase in omitted and not stopping


class Bar:
    """The phase, a bar, a count and the elapsed time; lines are printed above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        phase, count = (TextColumn(field, markup=False) for field in ("{task.description}", "{task.fields[count]}"))
        self._progress: Any = Progress(
            phase, BarColumn(), count, TimeElapsedColumn(), console=Console(file=raw(sys.stdout))
        )
        self._task = self._progress.add_task("starting", total=None, count="")
        self._progress.start()

    def show(self, text: str, done: int, wanted: int, count: str) -> None:
        self._progress.update(self._task, description=text, total=wanted or None, completed=done, count=count)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Stop updating; the bar stays on the terminal."""
        self._progress.stop()

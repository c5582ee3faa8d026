"""Follows what `lab-console watch` names, for the run shelf. Read in threads; nothing here can stop that training."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from screens.desk.notifier import Notifier
from screens.views import keys
from screens.views.shown_run import ShownRun
from screens.views.signs import clean
from services.folders import DataFolder
from services.tone import Tone

if TYPE_CHECKING:
    from services.training.history import OpenedRun, Run
    from services.training.watching.source import Source
    from services.training.watching.watched_run import LoggedCurves, Watched

EVERY_S = 1.0
"""How often what grows is looked at."""
LONG_S = 0.1
"""A look that took so long found much, and is followed by the next one at once."""
PREFIX = "watch:"


class LogWatch:
    """The runs of one source, by ids of their own; before its first run an empty one stands for it.

    `grew` is called when there is more to see, with the id of a run that began, else with an empty one.
    """

    def __init__(self, notifier: Notifier, folder: DataFolder, source: Source, grew: Callable[[str], None]) -> None:
        self._notifier, self._folder, self._grew = notifier, folder, grew
        self.source = source
        self._failed = ""
        self.rows: tuple[Run, ...] = ()
        self.curves: dict[str, LoggedCurves] = {}
        self.opened: dict[str, OpenedRun] = {}
        self.states: dict[str, Watched] = {}

    async def follow(self) -> None:
        """Read until nothing more can come."""
        while True:
            newest, began = self.rows[0].id if self.rows else "", monotonic()
            try:
                grown = await asyncio.to_thread(self._read)
            except OSError as error:
                self._fail(error)
                await asyncio.sleep(EVERY_S)
                continue
            self._failed = ""
            if grown or not newest:
                self._grew(self.rows[0].id if self.rows[0].id != newest else "")
            if self.source.over and not grown:
                return
            if not grown or not (self.source.behind or monotonic() - began >= LONG_S):
                await asyncio.sleep(EVERY_S)

    def _fail(self, error: OSError) -> None:
        """Say once why it cannot be read; it is tried again, as a file on another machine may come back."""
        why = f"{self.source.where} cannot be read ({error.strerror or error}); it is tried again"
        if why != self._failed:
            self._failed = why
            self._notifier.notice(why)

    def _read(self) -> bool:
        """One look, in a thread: the source, then the curves of the runs that it has."""
        from services.training.watching import watched_run
        from services.training.watching.points import LoggedRun

        grown = self.source.read()
        if grown or not self.rows:
            runs = [(f"{PREFIX}{run.number}", run) for run in list(self.source.runs) or [LoggedRun(1)]]
            for run_id, run in runs:
                curves = self.curves.get(run_id)
                if curves is None or curves.logged is not run:
                    curves = watched_run.LoggedCurves(self.source.where, run)
                curves.read()
                self.curves[run_id] = curves
                self.opened[run_id] = watched_run.opened(self.source, run)
                self.states[run_id] = watched_run.standing(self.source, run)
            self.rows = tuple(watched_run.row_of(self.source, run, run_id) for run_id, run in reversed(runs))
        return grown

    def shown(self, run_id: str) -> ShownRun:
        """A run as Train shows it."""
        found, state = self.opened[run_id], self.states[run_id]
        return ShownRun(
            id=run_id, snapshot=found.snapshot, live=not (state.over or state.end), exists=True, foreign=True,
            curves=self.curves[run_id], last_lines=tuple(clean(line, 200) for line in found.last_lines), watched=state,
        )  # fmt: skip

    def keep(self, operator: str) -> None:
        """Keep every run as a session of the log."""
        self._notifier.spawn(self._keep(operator))

    async def _keep(self, operator: str) -> None:
        from services.training.watching.keeping import keep

        outcome = await asyncio.to_thread(keep, self._folder, self.source, operator=operator)
        parts = [
            (f"kept as {', '.join(outcome.added)}, which {keys.LOG} shows", outcome.added),
            (f"brought up to date: {', '.join(outcome.corrected)}", outcome.corrected),
            (f"kept before, nothing new: {', '.join(outcome.unchanged)}", outcome.unchanged),
        ]
        self._notifier.notice("; ".join(text for text, ids in parts if ids), Tone.SUCCESS)

    def close(self) -> None:
        """Let go of the source."""
        self.source.close()

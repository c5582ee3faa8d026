"""The runs that there are, which of them is shown on Train, and which are drawn beside it. Reads disk in threads.

The training that is watched stays attached while another one is shown.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from screens.desk.log_watch import PREFIX, LogWatch
from screens.desk.messages import TrainingChanged
from screens.desk.notifier import Notifier
from screens.desk.training_watch import TrainingWatch
from screens.views.shown_run import ShownRun
from screens.views.signs import clean
from services.folders import DataFolder

if TYPE_CHECKING:
    from services.training.curves import Curves
    from services.training.history import History, OpenedRun, Run
    from services.training.watching.source import Source
    from sessions.document import Training

KEPT = 12
"""Runs whose curves are kept in memory; one of 20,000 points takes 2 MB."""
MOST_LINES = 4
"""Runs drawn at once, the one that is shown among them."""


@dataclass(frozen=True, eq=False)
class Held:
    """A run that is drawn, with what is known of it."""

    run: Run
    training: Training | None
    curves: Curves | None


@dataclass(frozen=True, eq=False)
class Opened:
    """A run that was read from disk."""

    run: Run
    found: OpenedRun
    curves: Curves


class RunShelf:
    """`listed`: whether the list was read. Posts TrainingChanged."""

    def __init__(self, notifier: Notifier, folder: DataFolder, watch: TrainingWatch) -> None:
        self._notifier, self._folder, self._watch = notifier, folder, watch
        self._history: History | None = None
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._opening: set[str] = set()
        self._shown = ""
        self._beside: list[str] = []
        self._over: float | None = None
        self._smoothed: WeakKeyDictionary[Curves, float] = WeakKeyDictionary()
        self.logs: LogWatch | None = None
        """What `lab-console watch` follows, if it opened this console."""
        self.wants_comparison = False
        """Whether Train is to compare what is drawn, when it draws next."""
        self._listing = self._again = False
        self._tried = self._wanted = ""

    # --- what there is --------------------------------------------------------------------------

    @property
    def listed(self) -> bool:
        """Whether the list was read."""
        return self._history is not None

    @property
    def problem(self) -> str:
        """Why the log could not be read; else empty."""
        return clean(self._history.problem) if self._history else ""

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, newest first; the watched one as it is now."""
        followed = self.logs.rows if self.logs else ()
        return (*followed, *self._kept())

    def _kept(self) -> tuple[Run, ...]:
        """The runs of the log and of the folder of outputs."""
        if self._history is None:
            return ()
        known = self._history.runs
        fresh = self._watched()
        if fresh is None:
            return known
        if any(run.id == fresh.id for run in known):
            return tuple(fresh if run.id == fresh.id else run for run in known)
        return tuple(sorted([*known, fresh], key=lambda run: run.at, reverse=True))

    def _watched(self) -> Run | None:
        """The watched training as a row of the list; None before its worker has started."""
        if self._watch.snapshot.started is None:
            return None
        from services.log.documents import document
        from services.training.history import run_of

        run, curves = run_of(document(self._watch.snapshot)), self._watch.curves
        newest = curves.reading(-1) if curves is not None else None
        if newest is None:
            return run
        loss = newest.values.get("loss")
        return replace(run, reached=max(run.reached, newest.step), loss=loss)

    @property
    def watched(self) -> str:
        """The session id of the watched training; empty without one."""
        return self._watch.run.id if self._watch.run else ""

    @property
    def watching(self) -> bool:
        """Whether the watched training runs."""
        return self._watch.live

    # --- what is shown --------------------------------------------------------------------------

    @property
    def shown(self) -> ShownRun:
        """The run whose numbers stand on Train."""
        if self.logs is not None and self._shown in self.logs.opened:
            return self.logs.shown(self._shown)
        opened = self._opened.get(self._shown)
        if opened is None:
            watch = self._watch
            return ShownRun(
                id=self.watched, snapshot=watch.snapshot, asked=watch.asked, live=watch.live, exists=watch.shown,
                curves=watch.curves, last_lines=watch.last_lines,
            )  # fmt: skip
        lines = tuple(clean(line, 200) for line in opened.found.last_lines)
        return ShownRun(
            id=opened.run.id, snapshot=opened.found.snapshot, asked=opened.found.request, exists=True,
            foreign=opened.run.foreign, curves=opened.curves, last_lines=lines,
        )  # fmt: skip

    @property
    def beside(self) -> tuple[tuple[Run, Curves], ...]:
        """The runs that are drawn beside the one that is shown, in the order in which they were chosen."""
        known = {run.id: run for run in self.runs}
        found = [(known.get(each), self._curves(each)) for each in self._beside if each != self.shown.id]
        return tuple((run, curves) for run, curves in found if run is not None and curves is not None)

    def held(self) -> list[Held]:
        """The runs that are drawn, the one that is shown first."""
        shown, rows = self.shown, {run.id: run for run in self.runs}
        own = rows.get(shown.id)
        first = [Held(own, shown.snapshot.training, shown.curves)] if own is not None else []
        return [*first, *(Held(run, self._training(run), curves) for run, curves in self.beside)]

    def _training(self, run: Run) -> Training | None:
        """What was opened of it is newer than the list."""
        if self.logs is not None and run.id in self.logs.opened:
            return self.logs.opened[run.id].snapshot.training
        opened = self._opened.get(run.id)
        if opened is not None and run.id != self.watched:
            return opened.found.snapshot.training
        return run.session.training if run.session else None

    def _curves(self, run_id: str) -> Curves | None:
        if run_id == self.watched:
            return self._watch.curves
        if self.logs is not None and run_id in self.logs.curves:
            return self.logs.curves[run_id]
        opened = self._opened.get(run_id)
        return opened.curves if opened else None

    # --- verbs ----------------------------------------------------------------------------------

    def follow_log(self, source: Source) -> None:
        """Follow what `lab-console watch` names, and show its newest run."""
        self.logs = LogWatch(self._notifier, self._folder, source, self._log_grew)
        self._notifier.spawn(self.logs.follow())

    def _log_grew(self, began: str) -> None:
        """Show a run that began while the one before it was shown, or nothing was chosen."""
        if began and (not self._shown or self._shown.startswith(PREFIX)):
            self._shown = began
        self._changed()

    def look(self) -> None:
        """Read the list again."""
        self._notifier.spawn(self._list())

    async def _list(self) -> None:
        self._again = True
        if self._listing:
            return
        self._listing = True
        try:
            while self._again:
                self._again = False
                self._history = await asyncio.to_thread(_history, self._folder)
        finally:
            self._listing = False
            self._changed()

    def settle(self) -> None:
        """Show the newest run if there is no training to watch; smooth curves that were opened meanwhile."""
        newest = self.runs[0].id if self.runs else ""
        chosen = self._shown or self._wanted
        if self._watch.looked and not self._watch.shown and not chosen and newest != self._tried:
            self._tried = newest  # once: a run that cannot be opened would be tried again at every drawing
            self.show(newest)
        if self._over is not None:
            self._notifier.spawn(self._smooth(self._over))

    def follow(self) -> None:
        """Show the training that is watched."""
        self._shown = self._wanted = ""
        self._changed()

    def show(self, run_id: str) -> None:
        """Show this run: the watched one, one that runs (then it is watched), or what is on disk of it."""
        if run_id == self.watched:
            self.follow()
        elif any(run.id == run_id for run in self.runs):
            self._wanted = run_id
            self._notifier.spawn(self._show(run_id))

    def open(self, run_id: str) -> None:
        """Show this run, from a screen where the list may not have been read yet; the watched training stays."""
        self._wanted = run_id
        self._notifier.spawn(self._list_and_show(run_id))

    def compare(self, first: str, second: str) -> None:
        """Show the first with the second alone beside it, and have Train compare them, from any screen."""
        self._wanted = first
        self._notifier.spawn(self._compare(first, second))

    async def _compare(self, first: str, second: str) -> None:
        await self._have_listed(first)
        self._wanted = first
        await self._show(first)
        there = second == self.watched or await self._open(second)
        self._beside = [second] if there else []
        self.wants_comparison = there
        self._changed()

    async def _have_listed(self, run_id: str) -> None:
        if all(run.id != run_id for run in self.runs):  # not listed yet, or newer than the list
            self._history = await asyncio.to_thread(_history, self._folder)

    async def _list_and_show(self, run_id: str) -> None:
        await self._have_listed(run_id)
        if self._wanted == run_id:
            self._wanted = ""
            self.show(run_id)

    async def _show(self, run_id: str) -> None:
        """Of several that are asked for while they are read, the last one is shown."""
        from services.live.event_log import is_live

        place = self._folder.run(run_id)
        if place.root.parent == self._folder.runs and await asyncio.to_thread(is_live, place):
            self._shown = ""
            self._watch.attach(place)
        elif await self._open(run_id) and self._wanted == run_id:
            self._shown = run_id
        if self._wanted == run_id and run_id not in self._opening:
            self._wanted = ""
        self._changed()

    def toggle(self, run_id: str) -> None:
        """Draw this run beside the one that is shown, or no longer."""
        if run_id in self._beside:
            self._beside.remove(run_id)
        elif run_id == self.shown.id:
            self._notifier.refuse("this run is drawn already", "Enter shows another one")
        elif len(self.beside) >= MOST_LINES - 1:
            self._notifier.refuse(f"{MOST_LINES} runs are drawn", "take one off first")
        else:
            self._beside = [each for each in self._beside if each != self.shown.id]
            self._notifier.spawn(self._add(run_id))
            return
        self._changed()

    async def _add(self, run_id: str) -> None:
        if (run_id == self.watched or await self._open(run_id)) and run_id not in self._beside:
            self._beside.append(run_id)
            self._changed()

    async def _open(self, run_id: str) -> bool:
        """Have this run in memory; False if there is no such run, or somebody else opens it."""
        if self.logs is not None and run_id in self.logs.opened:
            return True
        run = next((each for each in self.runs if each.id == run_id), None)
        if run is None or run_id in self._opening:
            return False
        self._opening.add(run_id)
        try:
            self._opened[run_id] = await asyncio.to_thread(_read, self._folder, run, self._opened.get(run_id))
            self._opened.move_to_end(run_id)
        finally:
            self._opening.discard(run_id)
        for old in list(self._opened)[:-KEPT]:
            if old != self._shown and old not in self._beside:
                del self._opened[old]
        return True

    # --- smoothing ------------------------------------------------------------------------------

    def smooth(self, by: int) -> None:
        """Smooth the loss of every run over more steps (`by` 1) or fewer (-1)."""
        curves = self.shown.curves
        if curves is None or not len(curves):
            return
        from services.training.curves import rounder

        self._over = float(rounder(self._over or curves.smoothed_over, by))
        self._notifier.spawn(self._smooth(self._over))

    async def _smooth(self, over: float) -> None:
        drawn = [self.shown.curves, *(curves for _, curves in self.beside)]
        late = [each for each in drawn if each is not None and self._smoothed.get(each) != over and len(each)]
        for curves in late:
            self._smoothed[curves] = over
            await asyncio.to_thread(curves.smooth, over)
        if late:
            self._changed()

    def _changed(self) -> None:
        self._notifier.post(TrainingChanged)


def _history(folder: DataFolder) -> History:
    from services.training.history import list_runs

    return list_runs(folder)


def _read(folder: DataFolder, run: Run, before: Opened | None) -> Opened:
    """The run with its curves; of one that was read before, what was added since."""
    from services.training.curves import HORIZON, HORIZONS, Curves
    from services.training.history import open_run

    found = open_run(folder, run)
    log_freq = found.snapshot.training.started.log_freq if found.snapshot.training else 0
    points = max(run.reached, run.steps) / log_freq if log_freq else 0  # an imported run tells a few points at most
    curves = before.curves if before else Curves(found.metrics, horizon=max(HORIZON, points / HORIZONS))
    curves.read()
    return Opened(run, found, curves)

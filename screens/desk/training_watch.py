"""The console's watch on one training: its state, its curves, what a dead one said last. No arm, no stop line.

It stands beside the session with an arm: whoever records sees a training go on. Disk is read in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from screens.desk.messages import TrainingChanged
from screens.desk.notifier import Notifier
from screens.views.signs import clean
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.client import START_PATIENCE_S, Client
from services.live.event_log import is_live
from services.live.link import LinkLost
from services.live.phases import Phase
from services.live.reasons import AlarmSource, Step
from services.live.snapshots import Snapshot
from services.tone import Tone
from services.training import runs as training_runs
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.live.link import Answered
    from services.live.requests import TrainRequest
    from services.training.curves import Curves

HORIZONS = 40
"""The smoothed loss reaches over one part in this many of the whole curve."""


class TrainingWatch:
    """`run` is None before the first training; one that has ended stays to be read. Posts TrainingChanged."""

    def __init__(self, audience: Notifier, folder: DataFolder, name: str) -> None:
        self._audience, self._folder, self._name = audience, folder, name
        self.asked: TrainRequest | None = None
        self.link: Client | None = None
        self.starting = False
        self.looked = False
        self.curves: Curves | None = None
        self._reading = False
        self._read_again = False

    # --- what is known --------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The state of the training at hand; the empty snapshot where there is none."""
        return self.link.snapshot if self.link else Snapshot()

    @property
    def run(self) -> RunFolder | None:
        """The training at hand."""
        return self.link.run if self.link else None

    @property
    def tail(self) -> tuple[str, ...]:
        """What the worker of one that did not finish said last."""
        return tuple(clean(line, 200) for line in self.link.last_words) if self.link else ()

    @property
    def live(self) -> bool:
        """Whether a training runs and this console watches it, or waits for its worker."""
        return self.starting or (self.link is not None and self.link.live)

    @property
    def attached(self) -> str:
        """The session id of the training that is watched while it runs; else empty."""
        return self.run.id if self.run and self.live else ""

    @property
    def shown(self) -> bool:
        """Whether there is anything to be seen: a training runs, or one has ended."""
        return self.starting or self.run is not None

    @property
    def checkpoints(self) -> int:
        """How many were saved."""
        training = self.snapshot.training
        return len(training.checkpoints) if training else 0

    @property
    def can_stop(self) -> bool:
        """Whether the worker can be asked to stop now."""
        return self.live and self.link is not None and self.link.connected

    @property
    def stopping(self) -> str:
        """That it was asked to stop and makes its last step, in the worker's words; else empty."""
        snapshot = self.snapshot
        stops = snapshot.step is Step.STOPPING and snapshot.phase is Phase.TRAINING
        return clean(snapshot.detail) if self.can_stop and stops else ""

    @property
    def hangs(self) -> str:
        """Where a trainer is that was asked to stop and does not react, which S kills; else empty."""
        silent = (a for a in self.snapshot.alarms if a.source is AlarmSource.TRAINER)
        return next((clean(a.text) for a in silent if self.can_stop), "")

    @property
    def others(self) -> str:
        """Who commands this training, if it is another console; else empty."""
        link = self.link
        return "" if link is None or link.may_command else clean(link.driver, 40)

    # --- verbs ----------------------------------------------------------------------------------

    def start(self, request: TrainRequest) -> None:
        """Launch a training (in a thread) and watch it."""
        from services.training import plan as training

        self._audience.spawn(self._launch(lambda: training.begin(self._folder, request), request))

    async def _launch(self, begin: Callable[[], RunFolder], request: TrainRequest) -> None:
        await self.detach()
        self.starting, self.asked = True, request
        self._changed()
        try:
            run = await asyncio.to_thread(begin)
            await self._attach(run, launched=True)
        finally:
            self.starting = False
            self._changed()

    def attach(self, run: RunFolder) -> asyncio.Task[Any]:
        """Watch a training that runs; the task ends when that is done or has failed."""
        return self._audience.spawn(self._attach(run))

    def look(self) -> None:
        """While nothing runs here: watch the newest training that runs, else show the newest one."""
        if not self.live:
            self._audience.spawn(self._look())

    async def _look(self) -> None:
        try:
            run = await asyncio.to_thread(training_runs.newest, self._folder)
            if run is None or self.live or (self.run and run.id <= self.run.id and not is_live(run)):
                return
            await self._attach(run)
        finally:
            self.looked = True
            self._changed()

    def stop(self) -> None:
        """Ask for one more checkpoint and the end; takes over where another console commands the training."""
        from services.training import plan as training

        link = self.link
        if link is None or not link.connected:
            return
        if not link.may_command:
            self._audience.order(link.tell(protocol.TakeOver()))
        self._audience.spawn(self._hear_of_stop(training.stop(link)))

    async def _hear_of_stop(self, answer: Answered) -> None:
        """Say what the worker says: of a second stop, how long the trainer is silent, or that it is killed."""
        said = await answer
        if not said.ok:
            self._audience.refuse(said.error or "the worker refused without a reason")
        elif said.error:
            self._audience.notice(said.error, Tone.WARNING)
        else:
            self._audience.notice("the training saves one checkpoint and ends", Tone.SUCCESS)

    def note(self, text: str, author: str) -> None:
        """Write a remark into the session, by its worker or, where that is gone, into its file."""
        if self.can_stop and self.link is not None:
            told = self.link.tell(protocol.AddNote(text=text, author=author))
            self._audience.order(told, done=f"noted: {clean(text, 60)}")
        elif self.run is not None:
            self._audience.spawn(self._note(self.run, text, author))

    async def _note(self, run: RunFolder, text: str, author: str) -> None:
        from services.log import logbook

        try:
            await asyncio.to_thread(logbook.add_note, self._folder, run.id, text, author)
        except logbook.LogbookProblem as problem:
            self._audience.refuse(problem)
        else:
            self._audience.notice(f"noted: {clean(text, 60)}", Tone.SUCCESS)

    async def detach(self) -> None:
        """Watch nothing any more; the training goes on."""
        link, self.link = self.link, None
        self.asked, self.curves = None, None
        if link is not None:
            await link.close()

    # --- attaching ------------------------------------------------------------------------------

    async def _attach(self, run: RunFolder, *, launched: bool = False) -> None:
        """Watch a run that lives (or is about to); of one that does not, show what is on disk."""
        self.starting = self.looked = True
        asked = self.asked
        try:
            await self.detach()
            self.asked = await asyncio.to_thread(training_runs.request_of, run) or asked
            self.link = self._client(run)
            if launched or await asyncio.to_thread(is_live, run):
                with suppress(LinkLost):  # `_on_lost` was told why
                    await self.link.attach(START_PATIENCE_S)
            else:
                await self.link.read_end()
            await self._open_curves(run)
        except BaseException:
            await self.detach()
            raise
        finally:
            self.starting = False
            self._changed()

    def _client(self, run: RunFolder) -> Client:
        return Client(
            run, name=self._name, on_event=self._on_event, on_reattached=self._on_reattached, on_lost=self._on_lost
        )

    def _on_event(self, event: ev.Event, snapshot: Snapshot) -> None:
        match event:
            case ev.TrainingProgressed():
                self._audience.spawn(self._read_curves())
            case ev.AlarmRaised():
                self._audience.bells.hear(event)
                self._audience.notice(f"training: {event.text}", Tone.DANGER)
            case ev.SessionEnded():
                self._say_end(snapshot)
        self._changed()

    def _say_end(self, snapshot: Snapshot) -> None:
        """On whatever screen is seen."""
        good = snapshot.status is SessionStatus.FINISHED
        why = f": {snapshot.end_reason}" if snapshot.end_reason else ""
        self._audience.notice(f"training {snapshot.status.value}{why}", Tone.SUCCESS if good else Tone.DANGER)

    def _on_reattached(self, why: str) -> None:
        self._audience.notice(f"{why}; watching the training again", Tone.WARNING)
        self._audience.spawn(self._read_curves())
        self._changed()

    def _on_lost(self, why: str) -> None:
        """The training is over. With a reason it did not say so itself: its worker is gone, or does not answer."""
        link = self.link
        if link is None:
            return
        if why:
            said = link.snapshot.end_reason or why
            lost = f"the training is gone: {said}" if link.gone else f"the training is not watched: {why}"
            self._audience.bells.play("alarm")
            self._audience.notice(lost, Tone.DANGER)
        self._audience.spawn(self._read_curves())
        self._changed()

    # --- curves ---------------------------------------------------------------------------------

    async def _open_curves(self, run: RunFolder) -> None:
        """Columns of this run, and all that its file holds by now."""
        if self.curves is None or self.curves.path != run.metrics:
            self.curves = await asyncio.to_thread(_curves, run, self.asked)
        await self._read_curves()

    async def _read_curves(self) -> None:
        """Take in new points; one reader at a time, which looks again where more came meanwhile."""
        self._read_again = True
        if self._reading:
            return
        self._reading = True
        try:
            while self._read_again and (curves := self.curves) is not None:
                self._read_again = False
                if await asyncio.to_thread(curves.read):
                    self._changed()
        finally:
            self._reading = False

    def _changed(self) -> None:
        self._audience.post(TrainingChanged)


def _curves(run: RunFolder, asked: TrainRequest | None) -> Curves:
    """The columns, with a smoothed loss that fits the number of points to come. Imports numpy: in a thread."""
    from services.training.curves import HORIZON, Curves

    points = asked.steps / max(1, asked.log_freq) if asked else 0.0
    return Curves(run.metrics, horizon=max(HORIZON, points / HORIZONS))

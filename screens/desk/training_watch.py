"""Watches one training: its state, its curves, and the last log lines of one that died. No arm, no stop line.

It is independent of the arm session, so an operator can record and see a training progress. Disk is read in
threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from screens.desk.messages import TrainingChanged
from screens.desk.notifier import Notifier
from screens.views.signs import clean
from screens.views.training import complete, ended
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.client import START_PATIENCE_S, Client
from services.live.event_log import is_live
from services.live.link import LinkLost
from services.live.phases import Phase
from services.live.reasons import AlarmSource, Step
from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot
from services.log.problem import LogbookProblem
from services.tone import Tone
from services.training import runs as training_runs
from sessions.models import SessionKind

if TYPE_CHECKING:
    from services.live.link import Answered
    from services.training.curves import Curves
    from services.training.resuming import ResumePlan


class TrainingWatch:
    """`run` is None before the first training; one that has ended stays readable. Posts TrainingChanged."""

    def __init__(self, notifier: Notifier, folder: DataFolder, name: str) -> None:
        self._notifier, self._folder, self._name = notifier, folder, name
        self.asked: TrainRequest | None = None
        self.link: Client | None = None
        self.starting = False
        self.looked = False
        self.curves: Curves | None = None
        self._reading = False
        self._read_again = self._changed_anyhow = False

    # --- what is known --------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The state of the current training; an empty snapshot if there is none."""
        return self.link.snapshot if self.link else Snapshot()

    @property
    def run(self) -> RunFolder | None:
        """The run folder of the current training."""
        return self.link.run if self.link else None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last log lines of a worker that did not finish."""
        return tuple(clean(line, 200) for line in self.link.last_words) if self.link else ()

    @property
    def live(self) -> bool:
        """Whether a training runs and is watched here, or its worker is starting."""
        return self.starting or (self.link is not None and self.link.live)

    @property
    def attached(self) -> str:
        """The session id of the running training that is watched; empty if none runs."""
        return self.run.id if self.run and self.live else ""

    @property
    def shown(self) -> bool:
        """Whether there is a training to show, running or ended."""
        return self.starting or self.run is not None

    @property
    def can_stop(self) -> bool:
        """Whether the worker can be asked to stop now."""
        return self.live and self.link is not None and self.link.connected

    @property
    def stopping(self) -> str:
        """The worker's message while it finishes its last step after a stop; else empty."""
        snapshot = self.snapshot
        stops = snapshot.step is Step.STOPPING and snapshot.phase is Phase.TRAINING
        return clean(snapshot.detail) if self.can_stop and stops else ""

    @property
    def hangs(self) -> str:
        """The alarm of a trainer that was asked to stop and does not react (S kills it); else empty."""
        silent = (a for a in self.snapshot.alarms if a.source is AlarmSource.TRAINER)
        return next((clean(a.text) for a in silent if self.can_stop), "")

    @property
    def other_driver(self) -> str:
        """The name of another console that commands this training; else empty."""
        link = self.link
        return "" if link is None or link.may_command else clean(link.driver, 40)

    # --- verbs ----------------------------------------------------------------------------------

    def start(self, request: TrainRequest) -> None:
        """Launch a training (in a thread) and watch it."""
        from services.training import plan as training

        self._notifier.spawn(self._launch(lambda: training.begin(self._folder, request), request))

    def resume(self, order: ResumePlan) -> None:
        """Go on with a training (in a thread) and watch it."""
        from services.training import resuming

        started = order.standing.snapshot.started
        request = started.request if started and isinstance(started.request, TrainRequest) else None
        self._notifier.spawn(self._launch(lambda: resuming.begin(self._folder, order), request))

    async def _launch(self, begin: Callable[[], RunFolder], request: TrainRequest | None) -> None:
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
        """Watch a running training; the task ends when that is done or has failed."""
        return self._notifier.spawn(self._attach(run))

    def look(self) -> None:
        """If no training is watched, watch the newest one that runs, else show the newest one."""
        if not self.live:
            self._notifier.spawn(self._look())

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
        """Ask the trainer to save one more checkpoint and end; takes over if another console commands it."""
        from services.training import plan as training

        link = self.link
        if link is None or not link.connected:
            return
        if not link.may_command:
            self._notifier.order(link.send(protocol.TakeOver()))
        self._notifier.spawn(self._report_stop(training.stop(link)))

    async def _report_stop(self, answered: Answered) -> None:
        """Show the worker's answer: for a second stop, how long the trainer is silent, or that it was killed."""
        answer = await answered
        if not answer.ok:
            self._notifier.refuse(answer.error or "the worker refused without a reason")
        elif answer.error:
            self._notifier.notice(answer.error, Tone.WARNING)
        else:
            self._notifier.notice("the training saves one checkpoint and ends", Tone.SUCCESS)

    def note(self, text: str, author: str) -> None:
        """Add a note to the session: through its worker or, if that is gone, directly to the log."""
        if self.can_stop and self.link is not None:
            answered = self.link.send(protocol.AddNote(text=text, author=author))
            self._notifier.order(answered, done=f"noted: {clean(text, 60)}")
        elif self.run is not None:
            self._notifier.spawn(self._note(self.run, text, author))

    def note_afterwards(self, session_id: str, text: str, author: str) -> None:
        """Add a note to a training that is not watched."""
        self._notifier.spawn(self._note(self._folder.run(session_id), text, author))

    async def _note(self, run: RunFolder, text: str, author: str) -> None:
        from services.log import logbook

        try:
            await asyncio.to_thread(logbook.add_note, self._folder, run.id, text, author)
        except LogbookProblem as problem:
            self._notifier.refuse(problem)
        else:
            self._notifier.notice(f"noted: {clean(text, 60)}", Tone.SUCCESS)

    async def detach(self) -> None:
        """Stop watching; the training goes on."""
        link, self.link = self.link, None
        self.asked, self.curves = None, None
        if link is not None:
            await link.close()

    # --- attaching ------------------------------------------------------------------------------

    async def _attach(self, run: RunFolder, *, launched: bool = False) -> None:
        """Watch a run that is live or being launched; of any other, show what is on disk."""
        self.starting = self.looked = True
        asked = self.asked
        try:
            await self.detach()
            self.asked = await asyncio.to_thread(training_runs.request_of, run) or asked
            self.link = self._client(run)
            if launched or await asyncio.to_thread(is_live, run):
                with suppress(LinkLost):  # `_on_lost` has reported the reason
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
        self._notifier.attention.note(event, SessionKind.TRAIN)
        match event:
            case ev.TrainingProgressed():
                self._notifier.spawn(self._read_curves(always=True))
                return  # one change, with the points that belong to it
            case ev.AlarmRaised():
                self._notifier.bells.ring_for(event)
                self._notifier.notice(f"training: {event.text}", Tone.DANGER)
            case ev.SessionEnded():
                self._notice_end(snapshot)
        self._changed()

    def _notice_end(self, snapshot: Snapshot) -> None:
        """Show the end as a notice, on whichever screen is open."""
        how = ended(snapshot.status, whole=complete(snapshot.training))
        why = f": {snapshot.end_reason}" if snapshot.end_reason else ""
        self._notifier.notice(f"training {how.word.lower()}{why}", how.tone)

    def _on_reattached(self, why: str) -> None:
        self._notifier.notice(f"{why}; watching the training again", Tone.WARNING)
        self._notifier.spawn(self._read_curves())
        self._changed()

    def _on_lost(self, why: str) -> None:
        """The training is over. A reason is given if its worker is gone or does not answer; else it ended in order."""
        link = self.link
        if link is None:
            return
        if why:
            reason = link.snapshot.end_reason or why
            lost = f"the training is gone: {reason}" if link.gone else f"the training is not watched: {why}"
            self._notifier.attention.lost(SessionKind.TRAIN)
            self._notifier.bells.play("alarm")
            self._notifier.notice(lost, Tone.DANGER)
        self._notifier.spawn(self._read_curves())
        self._changed()

    # --- curves ---------------------------------------------------------------------------------

    async def _open_curves(self, run: RunFolder) -> None:
        """Open the curves of this run and read all that its file holds by now."""
        if self.curves is None or self.curves.path != run.metrics:
            self.curves = await asyncio.to_thread(_curves, run, self.asked)
        await self._read_curves()

    async def _read_curves(self, *, always: bool = False) -> None:
        """Read new points; a call during a read makes the one reader read again. `always`: something changed anyhow."""
        self._read_again = True
        self._changed_anyhow |= always
        if self._reading:
            return
        self._reading = True
        try:
            while self._read_again and (curves := self.curves) is not None:
                self._read_again = False
                if await asyncio.to_thread(curves.read) or self._changed_anyhow:
                    self._changed_anyhow = False
                    self._changed()
        finally:
            self._reading = False
            if self._changed_anyhow:  # no curves are open yet, or they cannot be read
                self._changed_anyhow = False
                self._changed()

    def _changed(self) -> None:
        self._notifier.post(TrainingChanged)


def _curves(run: RunFolder, asked: TrainRequest | None) -> Curves:
    """The curves, smoothed over a window that fits the expected number of points. Imports numpy: in a thread."""
    from services.training.curves import HORIZON, HORIZONS, Curves

    points = asked.steps / max(1, asked.log_freq) if asked else 0.0
    return Curves(run.metrics, horizon=max(HORIZON, points / HORIZONS))

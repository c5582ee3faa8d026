"""Follows a training on a target: its events, metrics and checkpoints come here, and stops go there."""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from contextlib import suppress

import msgspec

from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.live.requests import TrainRequest
from services.live.snapshots import replay
from services.targets import protocol
from services.targets.connection import Connection
from services.targets.ssh import Unreachable
from services.targets.versions import differences
from services.text import clean
from services.workers.following.errands import (
    CannotBegin,
    Connected,
    Doing,
    Errands,
    Fetched,
    Lost,
    NotFetched,
    Report,
)
from services.workers.following.mirror import MetricsCopy, Mirror
from services.workers.process.context import Context
from services.workers.process.replies import Received
from services.workers.process.run_worker import End
from services.workers.training.commands import finish_of
from sessions.models import SessionStatus

POLL_S = 0.25
STOP_PATIENCE_S = 45.0
"""How long a target may take to answer a stop; a dead link is noticed before."""
FETCH_PATIENCE_S = 600.0
"""How long the end of a session waits for checkpoints that cannot be fetched."""
UNSURE = "whether it stops is not known"

Incoming = protocol.AnyMessage | Report


class Follower:
    """One training elsewhere, until it has ended there and its checkpoints are here. Runs on the worker's main thread.

    Killed and started again it goes on: events are known by kind and time, metrics by their length, checkpoints by
    their fingerprint.
    """

    def __init__(self, context: Context, request: TrainRequest) -> None:
        assert request.on is not None
        self.context, self.request, self.target = context, request, request.on
        self.place = clean(self.target.place)
        known = read_events(context.run.events)
        state = replay(known)
        self._mirror = Mirror(request, self.target.place, known)
        self._metrics = MetricsCopy(context.run)
        self._phase, self._step = state.phase, state.step
        self._alarmed = {alarm.source for alarm in state.alarms}
        self._connection: Connection | None = None
        self._lost_since = 0.0
        self._stops: dict[Future[protocol.Answer], tuple[Received, float]] = {}
        self._gave_up_by = ""
        self._ended: ev.SessionEnded | None = None
        self._goes_on = False
        """Whether more follows that end: it is on its way."""
        self._ended_at = 0.0
        self._fetching: set[int] = set()
        """Steps whose checkpoints are not noted here yet."""
        self._unfetched: dict[int, str] = {}
        self._failed = ""
        self._incoming: queue.SimpleQueue[Incoming] = queue.SimpleQueue()
        self._errands = Errands(
            context.run, request, self._put, self._put, lambda: self._metrics.size, begun=self._mirror.started
        )  # fmt: skip

    def run(self) -> End:
        """Follow until the end; a status of RUNNING if only this process is to end."""
        mailbox = self.context.mailbox
        mailbox.open = True
        if not self._mirror.started:
            self.context.progress(f"connecting to {self.place}")
        self._errands.start()
        try:
            while (end := self._end()) is None:
                mailbox.wake.wait(POLL_S)
                for received in mailbox.drain():
                    self._handle(received)
                while not self._incoming.empty():
                    self._receive(self._incoming.get())
                self._keep_metrics()
                self._answer_stops()
        finally:
            mailbox.open = False
            self._errands.end()
            for received, _ in self._stops.values():
                received.refuse(f"{self.place} has not answered: {UNSURE}", Code.NO_ANSWER)
            self._metrics.close()
            if self._metrics.trouble:
                text = f"metrics.jsonl may lack the last points: {self._metrics.trouble}"
                self.context.journal.emit(ev.AlarmRaised(source=AlarmSource.METRICS, text=text))
        return end

    def _put(self, message: Incoming) -> None:
        self._incoming.put(message)
        self.context.mailbox.wake.set()

    def _end(self) -> End | None:
        if self.context.mailbox.terminate or not self.context.run.events.exists():  # or the run folder was removed
            return SessionStatus.RUNNING, ""
        if self._gave_up_by:
            since = f"{self.place} has not answered, and {self._gave_up_by} gave it up"
            return SessionStatus.ABORTED, f"{since}; what trains there goes on"
        if self._failed:
            return SessionStatus.ABORTED, self._failed
        if self._ended is None or self._goes_on:
            return None
        if not self._fetching:
            return self._ended.status, self._ended.reason
        if self._unfetched and time.monotonic() - self._ended_at > FETCH_PATIENCE_S:
            steps = ", ".join(f"{step:,}" for step in sorted(self._unfetched))
            fetch = f"`lab-console fetch {self.request.name} --from {self.target.name}` fetches it"
            return self._ended.status, f"{self._ended.reason}; the checkpoint of step {steps} is there only: {fetch}"
        return None

    # --- commands -------------------------------------------------------------------------------------

    def _handle(self, received: Received) -> None:
        finish = finish_of(received, self.context, self._phase)
        if finish is not None:
            self._stop(received, finish.by or self.request.operator or "the operator")

    def _stop(self, received: Received, by: str) -> None:
        """Pass a stop on; it is answered once the worker there has answered."""
        if self._connection is not None:
            stop = protocol.Stop(session=self.context.run.id, by=by)
            self._stops[self._connection.send(stop)] = received, time.monotonic()
        elif self._errands.call_off():
            self._failed = f"stopped by {by} before the first step"
            received.accept(f"it is called off: nothing began on {self.place}")
        elif AlarmSource.TARGET in self._alarmed:
            self._gave_up_by = by
            received.accept(f"{self.place} does not answer: it is given up here, and trains on")
        else:
            received.refuse(f"{self.place} does not answer yet: nothing was stopped", Code.NO_ANSWER)

    def _answer_stops(self) -> None:
        for future, (received, asked_at) in list(self._stops.items()):
            late = time.monotonic() - asked_at > STOP_PATIENCE_S
            if not future.done() and not late:
                continue
            del self._stops[future]
            self._answer_stop(received, future)

    def _answer_stop(self, received: Received, future: Future[protocol.Answer]) -> None:
        try:
            answer = future.result(0)
        except (Unreachable, TimeoutError):
            received.refuse(f"{self.place} does not answer: {UNSURE}", Code.NO_ANSWER)
            return
        if answer.error:
            received.refuse(f"{self.place}: {clean(answer.error)}", Code.NOT_READY)
        else:
            received.accept(clean(answer.text))

    # --- what arrives ---------------------------------------------------------------------------------

    def _receive(self, message: Incoming) -> None:
        match message:
            case protocol.EventLine(line=line, live=True):
                self._publish(line)
            case protocol.EventLine(line=line, last=last):
                self._mirrored(line, last)
            case protocol.MetricLines(lines=lines, at=at):
                self._metrics.add(lines.encode(), at)
                self._keep_metrics()
            case protocol.JobState(job=job, state=state, detail=detail):
                self._show(f"job {job} on {self.place} is {state.lower()}" + (f" ({detail})" if detail else ""))
            case Connected():
                self._connection, self._lost_since = message.connection, 0.0
                self._clear(AlarmSource.TARGET)
                self._mirror.notes = differences(self.target, message.hello)
            case protocol.Closed(why=why):
                self._connection = None
                self._errands.wake()
            case Lost(why=why):
                self._connection = None
                self._show("")
                self._lost(why)
            case CannotBegin(why=why):
                self._failed = why
            case Doing(text=text):
                self._show(text)
            case Fetched(event=event):
                self._fetching.discard(event.step)
                self._unfetched.pop(event.step, None)
                if not self._unfetched:
                    self._clear(AlarmSource.FETCHED)
                self.context.journal.emit(event)
            case NotFetched(event=event, why=why):
                self._not_fetched(event, why)

    def _mirrored(self, line: str, last: bool) -> None:
        event = self._mirror.take(line)
        match event:
            case None:
                return
            case ev.SessionEnded():
                self._ended, self._ended_at, self._goes_on = event, time.monotonic(), not last
                return
            case ev.CheckpointSaved():
                self._go_on()
                self._fetching.add(event.step)
                self._errands.fetch(event, ev.decode(line.encode()).path)  # type: ignore[attr-defined]
                return
            case ev.PhaseChanged(phase=phase, step=step):
                with suppress(ValueError):
                    self._phase, self._step = Phase(phase), step
        self._go_on()
        self.context.journal.emit(event)

    def _keep_metrics(self) -> None:
        """Try again what the disk here refused; it trains on there meanwhile."""
        if self._metrics.trouble:
            self._metrics.flush()
        if why := self._metrics.trouble:
            text = f"metrics cannot be written here: {why}; they wait in memory"
            self._raise(AlarmSource.METRICS, text, "free the disk")
        else:
            self._clear(AlarmSource.METRICS)

    def _go_on(self) -> None:
        """Something follows the end: the session went on, as a job does that was queued again."""
        ended, self._ended = self._ended, None
        if ended is not None:
            self.context.journal.emit(ended)

    def _publish(self, line: str) -> None:
        with suppress(msgspec.DecodeError, ValueError, TypeError):
            self.context.server.publish(self._mirror.translate(ev.decode(line.encode())))

    def _show(self, text: str) -> None:
        """Say what is under way, to who looks now; before the first step it is kept, too."""
        change = ev.PhaseChanged(phase=self._phase.value, detail=text, step=self._step, at=time.time())
        self.context.server.publish(change)

    def _lost(self, why: str) -> None:
        self._lost_since = self._lost_since or time.time()
        goes_on = "; it trains on there" if self._mirror.started else ""
        self._raise(AlarmSource.TARGET, f"{why}{goes_on}", "stopping it only gives it up here")

    def _not_fetched(self, event: ev.CheckpointSaved, why: str) -> None:
        self._unfetched[event.step] = why
        text = f"the checkpoint of step {event.step:,} is on {self.place} only: {why}"
        self._raise(AlarmSource.FETCHED, text, "it is tried again every half a minute")

    def _raise(self, source: AlarmSource, text: str, answer: str) -> None:
        if source not in self._alarmed:
            self._alarmed.add(source)
            self.context.journal.emit(ev.AlarmRaised(source=source, text=text, answer=answer))

    def _clear(self, source: AlarmSource) -> None:
        if source in self._alarmed:
            self._alarmed.discard(source)
            self.context.journal.emit(ev.AlarmCleared(source=source))

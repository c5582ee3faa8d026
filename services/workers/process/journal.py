"""Appends a worker's events to events.jsonl: numbers, fsyncs and publishes them on its own thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import msgspec

from services.live import events as ev
from services.live.event_log import EventLog
from services.live.reasons import AlarmSource
from sessions.files import FULL
from sessions.models import SessionStatus

RETRY_S = 1.0
END_PATIENCE_S = 5.0
"""How long a session that was told to end waits for a full disk."""
LAST_PATIENCE_S = 60.0
"""How long one that ends by itself does: the operator may free the disk meanwhile."""

logger = logging.getLogger(__name__)


@dataclass
class _Entry:
    event: ev.Event
    then: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)


class _GaveUp(Exception):
    """The disk is full, and the session was told to end."""


class Journal:
    """Keeps events in order and publishes each only once it is on disk. `emit` never blocks the control loop."""

    gave_up = False
    """Whether events could not be written, and the session ends without them."""

    def __init__(
        self,
        log: EventLog,
        publish: Callable[[ev.Event], None],
        make_room: Callable[[], bool] = lambda: False,
        said: Callable[[ev.Event], ev.Event] = lambda event: event,
    ) -> None:
        """`make_room` frees what was kept for the last events of a session; whether there was anything.

        `said` is what is written of an event.
        """
        self._said = said
        self._log, self._publish, self._make_room = log, publish, make_room
        self._queue: queue.SimpleQueue[list[_Entry] | None] = queue.SimpleQueue()
        self._order = threading.RLock()  # a signal handler may emit while its thread does
        self._together, self._kept = 0, list[_Entry]()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def emit(self, event: ev.Event, then: Callable[[], None] | None = None) -> None:
        """Queue an event; returns at once. `then` is called on the journal's thread once the event is on disk."""
        self._put(event, then)

    def commit(self, event: ev.Event) -> None:
        """Append an event and wait until it is on disk, or given up. Not for the control loop."""
        entry = self._put(event)
        self._release()
        entry.done.wait()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is emitted in this block, by any thread, is written when it ends, with one fsync and in its order.

        A trial that its verdict ends costs one wait for the disk instead of two. Not for a block that waits.
        """
        with self._order:
            self._together += 1
        try:
            yield
        finally:
            with self._order:
                self._together -= 1
                if not self._together:
                    self._release()

    def _release(self) -> None:
        """Hand over what was kept."""
        with self._order:
            if self._kept:
                self._queue.put(self._kept)
                self._kept = []

    def end_within(self, seconds: float) -> None:
        """From now on give up what the disk still refuses after `seconds`. A signal handler may call it."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + seconds)

    def _put(self, event: ev.Event, then: Callable[[], None] | None = None) -> _Entry:
        entry = _Entry(msgspec.structs.replace(self._said(event), at=event.at or time.time()), then)
        with self._order:
            if self._together:
                self._kept.append(entry)
            else:
                self._queue.put([entry])
        return entry

    def close(self) -> None:
        """Write what is left and release the log's lock."""
        self._release()
        self._queue.put(None)
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._write(batch)
            except _GaveUp:
                self.gave_up = True
                for entry in batch:
                    self._let_go(entry)

    def _write(self, batch: list[_Entry]) -> None:
        """Write, then publish and acknowledge. Raises _GaveUp."""
        written: list[tuple[_Entry, ev.Event]] = []
        for entry in batch:
            try:
                event = self._log.append(entry.event, sync=entry is batch[-1])  # one fsync for the batch
            except OSError:  # publish the events before it now: this one may wait long for disk space
                if written:
                    self._retry(self._log.sync)
                    self._publish_written(written)
                    written = []
                event = self._retry(partial(self._log.append, entry.event))
            written.append((entry, event))
        self._publish_written(written)

    def _let_go(self, entry: _Entry) -> None:
        """An event that is not written is never acknowledged. That the session ends is said all the same."""
        if entry.done.is_set():
            return
        if isinstance(entry.event, ev.SessionEnded):
            reason = f"{entry.event.reason}; the disk is full: the log lacks the end, what was acknowledged is kept"
            status = SessionStatus.CRASHED if entry.event.status is SessionStatus.CRASHED else SessionStatus.ABORTED
            self._publish(msgspec.structs.replace(entry.event, status=status, reason=reason))
        entry.done.set()

    def _publish_written(self, written: list[tuple[_Entry, ev.Event]]) -> None:
        """Publish and acknowledge events that are on disk."""
        for entry, event in written:
            self._publish(event)
            entry.done.set()
            try:
                if entry.then is not None:
                    entry.then()
            except Exception:  # an answer that cannot be sent must not end the journal
                logger.exception("after %s", type(event).__name__)

    def _next_batch(self) -> list[_Entry]:
        """Wait for the next entries; returns them with all others queued by then. Empty at the end."""
        batch: list[_Entry] = []
        entries = self._queue.get()
        while entries is not None:
            batch += entries
            if self._queue.empty():
                return batch
            entries = self._queue.get()
        if batch:
            self._queue.put(None)  # the end marker, for the next call
        return batch

    def _retry[Done](self, act: Callable[[], Done]) -> Done:
        """Repeat `act` until the disk accepts it, with an alarm to the attached consoles meanwhile."""
        alarmed = False
        while True:
            try:
                done = act()
            except OSError as error:
                logger.error("events.jsonl: %s", error)
                if not alarmed:
                    text = f"events cannot be written: {error.strerror}; free the disk, nothing is lost yet"
                    self._publish(ev.AlarmRaised(source=AlarmSource.DISK, text=text, at=time.time()))
                    alarmed = True
                if self._give_up_at < float("inf") and error.errno in FULL and self._make_room():
                    continue
                if time.monotonic() > self._give_up_at:
                    raise _GaveUp from error
                time.sleep(min(RETRY_S, max(0.05, self._give_up_at - time.monotonic())))
                continue
            if alarmed:
                self._publish(ev.AlarmCleared(source=AlarmSource.DISK))
            return done

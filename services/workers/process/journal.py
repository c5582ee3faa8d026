"""Appends a worker's events to events.jsonl: numbers, fsyncs and publishes them on its own thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from services.live import events as ev
from services.live.event_log import EventLog
from services.live.reasons import AlarmSource

RETRY_S = 1.0

logger = logging.getLogger(__name__)


@dataclass
class _Entry:
    event: ev.Event
    then: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Journal:
    """Keeps events in order and publishes each only once it is on disk. `emit` never blocks the control loop."""

    def __init__(self, log: EventLog, publish: Callable[[ev.Event], None]) -> None:
        self._log, self._publish = log, publish
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def emit(self, event: ev.Event, then: Callable[[], None] | None = None) -> None:
        """Queue an event; returns at once. `then` is called on the journal's thread once the event is on disk."""
        self._put(event, then)

    def commit(self, event: ev.Event) -> None:
        """Append an event and wait until it is on disk. Not for the control loop."""
        self._put(event).done.wait()

    def _put(self, event: ev.Event, then: Callable[[], None] | None = None) -> _Entry:
        entry = _Entry(msgspec.structs.replace(event, at=event.at or time.time()), then)
        self._queue.put(entry)
        return entry

    def close(self) -> None:
        """Write what is left and release the log's lock."""
        self._queue.put(None)
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while batch := self._next_batch():
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

    def _publish_written(self, written: list[tuple[_Entry, ev.Event]]) -> None:
        """Publish and acknowledge events that are on disk."""
        for entry, event in written:
            self._publish(event)
            entry.done.set()
            if entry.then is not None:
                entry.then()

    def _next_batch(self) -> list[_Entry]:
        """Wait for the next entry; returns it with all others queued by then. Empty at the end."""
        batch: list[_Entry] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if self._queue.empty():
                return batch
            entry = self._queue.get()
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
                time.sleep(RETRY_S)
                continue
            if alarmed:
                self._publish(ev.AlarmCleared(source=AlarmSource.DISK))
            return done

"""The worker's own end of events.jsonl: numbers, fsyncs and publishes on a thread of its own."""

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
    """Events in the order told; published only once they are on disk. The control loop never waits for it."""

    def __init__(self, log: EventLog, publish: Callable[[ev.Event], None]) -> None:
        self._log, self._publish = log, publish
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def tell(self, event: ev.Event, then: Callable[[], None] | None = None) -> None:
        """Hand the event over; returns at once. `then` is called on the journal's thread once it is on disk."""
        self._put(event, then)

    def commit(self, event: ev.Event) -> None:
        """Return when the event is on disk. Not for the control loop."""
        self._put(event).done.wait()

    def _put(self, event: ev.Event, then: Callable[[], None] | None = None) -> _Entry:
        entry = _Entry(msgspec.structs.replace(event, at=event.at or time.time()), then)
        self._queue.put(entry)
        return entry

    def close(self) -> None:
        """Write what is left and let the lock go."""
        self._queue.put(None)
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while batch := self._waiting():
            written: list[tuple[_Entry, ev.Event]] = []
            for entry in batch:
                try:
                    event = self._log.append(entry.event, sync=entry is batch[-1])  # one fsync for all that waited
                except OSError:  # those before it need not wait until there is room for this one
                    if written:
                        self._keep_trying(self._log.sync)
                        self._announce(written)
                        written = []
                    event = self._keep_trying(partial(self._log.append, entry.event))
                written.append((entry, event))
            self._announce(written)

    def _announce(self, written: list[tuple[_Entry, ev.Event]]) -> None:
        """Publish and answer what is on disk."""
        for entry, event in written:
            self._publish(event)
            entry.done.set()
            if entry.then is not None:
                entry.then()

    def _waiting(self) -> list[_Entry]:
        """Waits for the next entry; with it comes whatever else was told meanwhile. Empty at the end."""
        batch: list[_Entry] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if self._queue.empty():
                return batch
            entry = self._queue.get()
        if batch:
            self._queue.put(None)  # the end, for the next time
        return batch

    def _keep_trying[Done](self, act: Callable[[], Done]) -> Done:
        """Do it until the disk lets it: meanwhile the fact waits in memory, and watchers are told."""
        told = False
        while True:
            try:
                done = act()
            except OSError as error:
                logger.error("events.jsonl: %s", error)
                if not told:
                    text = f"events cannot be written: {error.strerror}; free the disk, nothing is lost yet"
                    self._publish(ev.AlarmRaised(source=AlarmSource.DISK, text=text, at=time.time()))
                    told = True
                time.sleep(RETRY_S)
                continue
            if told:
                self._publish(ev.AlarmCleared(source=AlarmSource.DISK))
            return done

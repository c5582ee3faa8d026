"""A session as its consoles see it, whatever draws it: attached while the worker lives, its end read when it is gone.

Screens and shell verbs use the same one. It knows no screen and prints nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import is_live
from services.live.launch import log_tail
from services.live.link import Link, LinkLost
from services.live.snapshots import Snapshot
from sessions.locks import is_held
from sessions.models import SessionStatus

START_PATIENCE_S = 25.0
"""How long a worker that was just launched, by whomever, may take to open its socket."""
ATTACH_PATIENCE_S = 3.0
"""How long one that runs may take to answer."""
REATTACH_PAUSE_S = 0.05
CLOSING_S = 2.0
"""How long another process may take to write the end of a run whose worker vanished."""


class Client(Link):
    """A link that attaches again when the connection breaks, and knows how a session ended whose worker is gone.

    Besides what a Link calls, on the loop too: `on_reattached(why)` after a connection that broke for that reason was
    made anew; `on_lost(why)` once, when the session is over or its worker answers no more, with an empty reason where
    the session told its end. `snapshot` and `last_words` are final by then: a worker that vanished without an end has
    it written first.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        name: str,
        drive: bool = True,
        on_event: Callable[[ev.Event, Snapshot], None] | None = None,
        on_telemetry: Callable[[protocol.Telemetry], None] | None = None,
        on_welcome: Callable[[protocol.Welcome], None] | None = None,
        on_reattached: Callable[[str], None] | None = None,
        on_lost: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            run, name=name, drive=drive, on_event=on_event, on_telemetry=on_telemetry, on_welcome=on_welcome,
            on_lost=on_lost,
        )  # fmt: skip
        self.last_words: tuple[str, ...] = ()
        """The last lines of the log of a worker that did not finish, raw: escape them before showing."""
        self._on_reattached = on_reattached
        self.gone = False
        """Whether the worker is known to be gone; it may live and not answer."""
        self._work: set[asyncio.Task[None]] = set()
        self._recovering = False
        self._over = False

    @property
    def live(self) -> bool:
        """Whether the session runs and this client is attached to it, or about to be again."""
        return self.snapshot.running and (self.connected or self._recovering)

    async def attach(self, patience_s: float = ATTACH_PATIENCE_S) -> Snapshot:
        """As Link.attach; where that raises LinkLost, how the session ended is known, and `on_lost` was called."""
        try:
            return await super().attach(patience_s)
        except LinkLost as lost:
            await self._settle(str(lost))
            raise

    async def read_end(self) -> Snapshot:
        """The state of a session whose worker is gone, without attaching; one that told its end stays as it told it."""
        if self.snapshot.running:
            patience_s = CLOSING_S if self.dead else 0.0
            self.snapshot = await asyncio.to_thread(_end_of, self.run, self.snapshot, patience_s)
        self.gone = await asyncio.to_thread(_is_gone, self.run)
        self.last_words = await asyncio.to_thread(_last_words, self.run, self.snapshot)
        return self.snapshot

    async def close(self) -> None:
        """Detach for good; the worker goes on."""
        others = self._work - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await super().close()

    # --- what becomes of it ---------------------------------------------------------------------

    def _apply(self, event: ev.Event) -> None:
        super()._apply(event)
        if isinstance(event, ev.SessionEnded):
            self._begin(self._settle(""))

    def _broken(self, why: str) -> None:
        if self.snapshot.running:
            self._recovering = True
            self._begin(self._recover(why))
        else:
            self.lost = why
            self._changed.set()
            self._begin(self._settle(""))

    async def _recover(self, why: str) -> None:
        """Attach again while the worker lives; it drives again only where it did, so that it takes over from nobody."""
        self._drive = self._drive and (self.welcome is None or self.driving)
        self.welcome = None
        await asyncio.sleep(REATTACH_PAUSE_S)
        try:
            await super().attach(ATTACH_PATIENCE_S)
        except LinkLost:
            self._recovering = False
            await self._settle(why if self.snapshot.running else "")  # first: whoever waits is told how it ended
            self.lost = why
            self._changed.set()
        else:
            self._recovering = False
            if self._on_reattached:
                self._on_reattached(why)

    async def _settle(self, why: str) -> None:
        """Read how the session ended, then say once that it is over, or lost for the reason `why`."""
        await self.read_end()
        if why:
            self.lost = why
            self._changed.set()
        if not self._over:
            self._over = True
            if self._on_lost:
                self._on_lost(why)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"client-{self.run.id}")
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _end_of(run: RunFolder, known: Snapshot, patience_s: float) -> Snapshot:
    """Of a run whose worker is gone. Another process that is closing it holds the events as a worker does."""
    give_up = time.monotonic() + patience_s
    try:
        while True:
            snapshot = close_crashed(run)
            if not snapshot.running or snapshot.started is None or time.monotonic() >= give_up:
                return snapshot
            time.sleep(0.02)
    except OSError:  # somebody else's run, or a full disk: what is known stays
        return known


def _is_gone(run: RunFolder) -> bool:
    try:
        return not is_held(run.events)
    except OSError:
        return False


def _last_words(run: RunFolder, snapshot: Snapshot) -> tuple[str, ...]:
    """The end of the log of a worker that did not finish and does not go on."""
    fine = snapshot.status is SessionStatus.FINISHED or (snapshot.running and is_live(run))
    return () if fine else tuple(log_tail(run))

"""A console's view of a session: attached while the worker is alive, read from its files once the worker is gone.

Shared by screens and shell commands; it draws and prints nothing itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import is_live, read_events
from services.live.launch import log_tail
from services.live.link import Link, LinkLost
from services.live.snapshots import Snapshot, replay
from sessions.locks import is_held
from sessions.models import SessionStatus

START_PATIENCE_S = 25.0
"""How long a newly launched worker may take to open its socket, whichever process launched it."""
ATTACH_PATIENCE_S = 3.0
"""How long a running worker may take to answer."""
REATTACH_PAUSE_S = 0.05
CLOSING_S = 2.0
"""How long another process may take to write the end of a run whose worker vanished."""


class Client(Link):
    """A link that re-attaches when the connection breaks, and reads how the session ended once its worker is gone.

    Two callbacks, on the loop like Link's: `on_reattached(why)` after the connection broke for the reason `why` and
    was re-established; `on_lost(why)` once, when the session is over or its worker no longer answers, with an empty
    reason if the session reported its end. By then `snapshot` and `last_words` are final: for a worker that vanished,
    an end event has been written.
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
        """The last log lines of a worker that did not finish; raw, so escape them before showing."""
        self._on_reattached = on_reattached
        self.gone = False
        """Whether the worker is known to be gone; one that does not answer may still be alive."""
        self._work: set[asyncio.Task[None]] = set()
        self._recovering = False
        self._concluded = False

    @property
    def live(self) -> bool:
        """Whether the session runs and this client is attached to it or re-attaching."""
        return self.snapshot.running and (self.connected or self._recovering)

    async def attach(self, patience_s: float = ATTACH_PATIENCE_S) -> Snapshot:
        """As Link.attach. Before LinkLost is raised, the session's end is read and `on_lost` called, unless closed."""
        try:
            return await super().attach(patience_s)
        except LinkLost as lost:
            if not self._closed:
                await self._conclude("" if self.snapshot.status is SessionStatus.FINISHED else str(lost))
            raise

    async def read_end(self) -> Snapshot:
        """Read the end of a session whose worker is gone, without attaching; an end already received is kept."""
        if self.snapshot.running:
            patience_s = CLOSING_S if self.dead else 0.0
            self.snapshot = await asyncio.to_thread(_final_state, self.run, self.snapshot, patience_s)
        self.gone = await asyncio.to_thread(_is_gone, self.run)
        self.last_words = await asyncio.to_thread(_last_words, self.run, self.snapshot)
        return self.snapshot

    async def read_again(self) -> None:
        """Read a session that is over once more: marks and notes were added to it since."""
        if not self.live:
            with suppress(OSError):
                self.snapshot = await asyncio.to_thread(lambda: replay(read_events(self.run.events)))

    async def close(self) -> None:
        """Detach for good; the worker keeps running."""
        others = self._work - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await super().close()

    # --- a lost connection ----------------------------------------------------------------------

    def _apply(self, event: ev.Event) -> None:
        super()._apply(event)
        if isinstance(event, ev.SessionEnded):
            self._start_task(self._conclude(""))

    def _connection_lost(self, why: str) -> None:
        if self.snapshot.running:
            self._recovering = True
            self._start_task(self._recover(why))
        else:
            self.lost = why
            self._changed.set()
            self._start_task(self._conclude(""))

    async def _recover(self, why: str) -> None:
        """Re-attach while the worker is alive; drive again only if this client did, so as not to take over."""
        self._drive = self._drive if self.welcome is None else self.driving
        self.welcome = None
        await asyncio.sleep(REATTACH_PAUSE_S)
        try:
            await super().attach(ATTACH_PATIENCE_S)
        except LinkLost:
            self._recovering = False
            await self._conclude(why if self.snapshot.running else "")  # first, so that waiters see how it ended
            self.lost = why
            self._changed.set()
        else:
            self._recovering = False
            if self._on_reattached:
                self._on_reattached(why)

    async def _conclude(self, why: str) -> None:
        """Read how the session ended, then report once that it is over, or lost for the reason `why`."""
        await self.read_end()
        if why:
            self.lost = why
            self._changed.set()
        if not self._concluded:
            self._concluded = True
            if self._on_lost:
                self._on_lost(why)

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"client-{self.run.id}")
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _final_state(run: RunFolder, known: Snapshot, patience_s: float) -> Snapshot:
    """The state of a run whose worker is gone. Waits while another process writes its end, under the same lock."""
    give_up = time.monotonic() + patience_s
    try:
        while True:
            snapshot = close_crashed(run)
            if not snapshot.running or snapshot.started is None or time.monotonic() >= give_up:
                return snapshot
            time.sleep(0.02)
    except OSError:  # another user's run, or a full disk: keep what is known
        return known


def _is_gone(run: RunFolder) -> bool:
    try:
        return not is_held(run.events)
    except OSError:
        return False


def _last_words(run: RunFolder, snapshot: Snapshot) -> tuple[str, ...]:
    """The last log lines, unless the worker finished or is still running."""
    unremarkable = snapshot.status is SessionStatus.FINISHED or (snapshot.running and is_live(run))
    return () if unremarkable else tuple(log_tail(run))

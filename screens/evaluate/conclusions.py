"""What a comparison says once all its trials are judged: worked out in a thread, since its tests take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from screens.desk.desk import Desk
from screens.views.trial_says import compares
from screens.views.trials import ruled
from services.live.snapshots import Snapshot


class Conclusions:
    """The sentences of the session that is shown. Use on the event loop."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        """`changed` is called once something is worked out."""
        self._desk, self._changed = desk, changed
        self._asked: object = None
        self._said: tuple[str, ...] | None = None

    def of(self, snapshot: Snapshot) -> tuple[str, ...] | None:
        """What is worked out of these trials; None while it is not, or where nothing is compared yet."""
        if snapshot.started is None or not snapshot.reached or not compares(snapshot) or ruled(snapshot):
            return None
        asked = (snapshot.started.id, tuple((t.index, t.checkpoint, t.verdict) for t in snapshot.trials))
        if asked != self._asked:
            self._asked, self._said = asked, None
            self._desk.spawn(self._work_out(asked, snapshot))
        return self._said

    async def _work_out(self, asked: object, snapshot: Snapshot) -> None:
        said = await asyncio.to_thread(_sentences, snapshot)
        if asked == self._asked:
            self._said = said
            self._changed()


def _sentences(snapshot: Snapshot) -> tuple[str, ...]:
    from services.log.documents import document
    from services.log.trials.brief import brief
    from sessions.chains import alone

    return tuple(brief(alone(document(snapshot))))

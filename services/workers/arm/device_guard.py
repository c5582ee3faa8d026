"""Guarded calls to devices, whose drivers may raise anything: a failure raises one alarm until the device recovers.

A reading may fail for a moment without an alarm: one lost packet does not end a take.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from services.live import events as ev
from services.live.reasons import Advice, AlarmSource
from services.workers.arm.camera_trouble import CameraTrouble
from services.workers.arm.device_problem import DeviceProblem, reason_of
from services.workers.arm.serial_bus import NoAnswer, Unplugged
from services.workers.process.journal import Journal

GRACE_S = 0.1
"""How long after the first reading that failed the next ones may fail without an alarm."""

logger = logging.getLogger(__name__)


class DeviceGuard:
    """Journals failures and recoveries, and calls `failed(source, text)` and `recovered(source)`.

    `recovery` is the advice shown with every alarm. `missed(device)` is called for each reading that failed
    without an alarm; `now` is the session's clock in seconds.
    """

    def __init__(
        self,
        journal: Journal,
        recovery: Advice,
        *,
        failed: Callable[[str, str], None],
        recovered: Callable[[str], None],
        missed: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._journal, self._recovery = journal, recovery
        self._failed, self._recovered, self._missed, self._now = failed, recovered, missed, now
        self._failing: dict[str, str] = {}
        """What was told of each device that does not work."""
        self._missing: dict[str, float] = {}
        """Since when readings fail without an alarm, by source."""

    @property
    def trouble(self) -> str:
        """Which devices do not work, as a reason to refuse; empty if all do."""
        names = " and the ".join(sorted(self._failing))
        verb = "does" if len(self._failing) == 1 else "do"
        return f"the {names} {verb} not work yet: see the alarm" if names else ""

    def failing(self, source: str) -> bool:
        """Whether device `source` does not work."""
        return source in self._failing

    def call[T](self, source: str, call: Callable[[], T], *, but: type[Exception] | tuple[()] = ()) -> T | None:
        """The result of `call`; None if it raised. Does not retry. Exceptions of type `but` pass through."""
        try:
            result = call()
        except but:
            raise
        except Exception as error:  # drivers may raise anything, and the arm must be held in any case
            self.mark_failed(source, error)
            return None
        self.mark_working(source)
        return result

    def read[T](self, source: str, read: Callable[[], T]) -> T | None:
        """As `call`, for what is read again in the next period: it may fail for GRACE_S without an alarm."""
        try:
            result = read()
        except Exception as error:  # drivers may raise anything
            self.miss(source, error)
            return None
        self.mark_working(source)
        return result

    def miss(self, source: str, error: Exception, *, device: str = "") -> None:
        """Note that a reading of `source` failed; `device` is the part of it to name. What lasts raises the alarm."""
        since = self._missing.setdefault(source, self._now())
        self._missed(device or source)
        if _lasts(error) or self._now() - since > GRACE_S:
            self.mark_failed(source, error)
        else:
            logger.warning("%s: a reading failed: %s", source, error)

    def hook(self, source: str, devices: Iterable[Any], name: str, *values: object) -> None:
        """Call method `name` of each device that has it; only simulated devices do."""
        for device in devices:
            method = getattr(device, name, None)
            if method is not None:
                self.call(source, partial(method, *values))

    def mark_working(self, source: str) -> None:
        """Note that `source` worked; clears its alarm."""
        missing = self._missing.pop(source, None) is not None
        if source in self._failing:
            del self._failing[source]
            self._journal.emit(ev.AlarmCleared(source=AlarmSource(source)))
        elif not missing:
            return
        self._recovered(source)

    def mark_failed(self, source: str, error: Exception) -> None:
        """Note that `source` failed; raises its alarm unless it is raised already.

        Of an unplugged device it is raised again when something else is known of why it is not back.
        """
        known = self._failing.get(source)
        if known is not None and not (_lasts(error) and str(error) != known):
            return
        text = reason_of(error)
        self._failing[source] = str(error)
        logger.warning("%s", source, exc_info=error)
        named = isinstance(error, DeviceProblem | NoAnswer | Unplugged)
        if not named and not text.startswith(source):
            text = f"{source}: {text}"
        answer = error.answer if isinstance(error, CameraTrouble | Unplugged) else ""
        camera = error.camera if isinstance(error, CameraTrouble) else ""
        alarm = ev.AlarmRaised(
            source=AlarmSource(source), text=text, answer=answer, advice=self._recovery, camera=camera
        )
        self._journal.emit(alarm)
        if known is None:
            self._failed(source, text)


def _lasts(error: Exception) -> bool:
    """Whether what failed cannot be back in a moment."""
    return isinstance(error, CameraTrouble | Unplugged) and error.lasting

"""Calls to devices, which raise what they like: a failure is an alarm, told once until the device works again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from services.live import events as ev
from services.live.reasons import AlarmSource
from services.workers.process.journal import Journal

logger = logging.getLogger(__name__)


class DeviceGuard:
    """Tells the journal what fails and what works again, and its owner by `failed(source, text)` and `works(source)`.

    `recovery_hint` answers every alarm, for people.
    """

    def __init__(
        self, journal: Journal, recovery_hint: str, *, failed: Callable[[str, str], None], works: Callable[[str], None]
    ) -> None:
        self._journal, self._recovery_hint = journal, recovery_hint
        self._failed, self._works = failed, works
        self._failing: set[str] = set()

    @property
    def trouble(self) -> str:
        """What does not work, as a reason to refuse; empty where everything does."""
        names = " and the ".join(sorted(self._failing))
        return f"the {names} does not work yet: see the alarm" if names else ""

    def failing(self, source: str) -> bool:
        """Whether that device does not work."""
        return source in self._failing

    def call[T](self, source: str, call: Callable[[], T]) -> T | None:
        """What the call returns; None where it raised. Trying again is for the caller."""
        try:
            result = call()
        except Exception as error:  # drivers raise what they like; the arm must be held whatever it is
            self.fail(source, error)
            return None
        self.worked(source)
        return result

    def hook(self, source: str, devices: Iterable[Any], name: str, *values: object) -> None:
        """Call a method that only some devices have: a simulated bench wants to know what a person sees."""
        for device in devices:
            method = getattr(device, name, None)
            if method is not None:
                self.call(source, partial(method, *values))

    def worked(self, source: str) -> None:
        """It did just now."""
        if source in self._failing:
            self._failing.discard(source)
            self._journal.tell(ev.AlarmCleared(source=AlarmSource(source)))
            self._works(source)

    def fail(self, source: str, error: Exception) -> None:
        """It did not."""
        if source in self._failing:
            return
        self._failing.add(source)
        logger.exception("%s", source)
        lines = str(error).strip().splitlines()
        text = lines[0] if lines else type(error).__name__
        if not text.startswith(source):
            text = f"{source}: {text}"
        self._journal.tell(ev.AlarmRaised(source=AlarmSource(source), text=text, answer=self._recovery_hint))
        self._failed(source, text)

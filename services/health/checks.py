"""A check examines one sample after another and reports since when, and in which frames, something is wrong.

The live monitor and the offline check of a dataset use the same checks. A new check is a class and one line,
`@register`; its thresholds are then keys of `[bench.NAME.health.CHECK]` in lab.toml.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

LIT, ABSENT = "lit", "absent"
"""A camera's state if no check finds a fault, and if it is missing; otherwise the state is a check's name."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long samples are bad before the check raises, and good before it clears, in seconds."""

    raise_after_s: float = 0.3
    clear_after_s: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be a number not below 0, not {value}")


@dataclass(frozen=True)
class FrameRange:
    """Frames from `start` up to, not including, `stop` in which a check found a fault."""

    check: str
    start: int
    stop: int


class Check[Sample](ABC):
    """One kind of fault of one device. Samples come in order of time, in seconds of one monotonic clock."""

    name: ClassVar[str]
    """One word for flags, alarms and lab.toml."""
    defaults: ClassVar[Thresholds] = Thresholds()

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or self.defaults
        self.active = False
        self.since = 0.0
        self._count = 0
        self._times: deque[float] = deque(maxlen=256)
        self._bad_from = 0
        self._bad_since: float | None = None
        self._good_since: float | None = None
        self._ranges: list[FrameRange] = []

    @abstractmethod
    def bad_since(self, sample: Sample, now: float) -> float | None:
        """Since when something is wrong, as far as this sample shows; None if nothing is."""

    def update(self, sample: Sample, now: float) -> bool:
        """Check one sample. True if `active` changed."""
        since = self.bad_since(sample, now)
        index, self._count = self._count, self._count + 1
        try:
            return self._update_good(index, now) if since is None else self._update_bad(index, since, now)
        finally:
            self._times.append(now)

    def _update_bad(self, index: int, since: float, now: float) -> bool:
        self._good_since = None
        if self._bad_since is None:
            self._bad_since, self._bad_from = since, index - sum(t > since for t in self._times)
        if self.active or now - self._bad_since < self.thresholds.raise_after_s:
            return False
        self.active, self.since = True, self._bad_since
        return True

    def _update_good(self, index: int, now: float) -> bool:
        if not self.active:
            self._bad_since = None
            return False
        if self._good_since is None:
            self._good_since, self._good_from = now, index
        if now - self._good_since < self.thresholds.clear_after_s:
            return False
        self._ranges.append(FrameRange(self.name, self._bad_from, self._good_from))
        self.active, self.since = False, self._good_since
        self._bad_since = self._good_since = None
        return True

    @property
    def ranges(self) -> tuple[FrameRange, ...]:
        """The ranges in which it was active, in samples from 0; an open one ends with the last sample."""
        if not self.active:
            return tuple(self._ranges)
        return (*self._ranges, FrameRange(self.name, self._bad_from, self._count))


REGISTERED: list[type[Check[Any]]] = []
"""The most serious first: of two faults that a camera has at once, the earlier one is reported."""


def register[Kind: type[Check[Any]]](check: Kind) -> Kind:
    """Make a check known to the monitor and lab.toml. Raises ValueError if its name is taken."""
    if any(known.name == check.name for known in REGISTERED):
        raise ValueError(f"a check {check.name!r} exists already")
    REGISTERED.append(check)
    return check


class HealthProblem(ValueError):
    """Thresholds are invalid; the message names check, key and reason."""


def thresholds_of(check: type[Check[Any]], health: dict[str, Any]) -> Thresholds:
    """The check's thresholds, overridden by `health` (of lab.toml). Raises HealthProblem."""
    table = health.get(check.name, {})
    if not isinstance(table, dict):
        raise HealthProblem(f"{check.name} must be a table such as {{ raise_after_s = 0.5 }}")
    try:
        return msgspec.convert(msgspec.structs.asdict(check.defaults) | table, type(check.defaults))
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise HealthProblem(f"{check.name}{path.rstrip('`')}: {reason}") from error

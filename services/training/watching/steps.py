"""Exact steps from rounded ones: log points are a whole number of log frequencies apart, and start at a multiple of it.

Each point comes with the range of steps that its own line allows. What fits all of them since the last gap is kept as
(log frequency, number of the first point); once only one is left, every further point is exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.training.watching.rounding import Range

LIKELY = (200, 100, 50, 500, 1000, 250, 10, 20, 25, 5, 1, 2, 2000, 400, 5000, 10_000)
"""Log frequencies to try where none is known, the likeliest first: LeRobot's own is 200. They are round numbers."""
Step = tuple[int, bool]
"""A step, and whether it is exact."""


class Steps:
    """The steps of one run's points, in the order in which they come; they increase."""

    def __init__(self, log_freq: int = 0) -> None:
        self._known = log_freq
        self._last = -1
        self.gap()

    def gap(self) -> None:
        """Points may be missing between the last one and the next."""
        self._fits: dict[int, Range] = {}
        self._count = 0
        self._locked = 0
        self._before: Range | None = None

    def expected(self, ahead: int) -> int:
        """The step of the point that comes after `ahead` others, if nothing is missing; -1 while that is unknown."""
        return self._last + self._locked * (ahead + 1) if self._locked else -1

    @property
    def every(self) -> int:
        """The log frequency, once it is certain; else 0."""
        return self._locked

    def advance(self, points: int) -> None:
        """So many points came as expected."""
        self._last += self._locked * points

    def resolve(self, ranges: Sequence[Range]) -> list[Step]:
        """The steps of successive points, each within its range where that is possible."""
        found: list[Step] = []
        at, end = 0, len(ranges)
        while at < end:
            if self._locked:
                step, (low, high) = self._last + self._locked, ranges[at]
                if low <= step <= high:
                    self._last = step
                    found.append((step, True))
                    at += 1
                    continue
                self.gap()
            to = self._fit(ranges, at)
            found += self._assigned(ranges, at, to)
            at = to
        return found

    def _fit(self, ranges: Sequence[Range], start: int) -> int:
        """Narrow what fits, up to the point that leaves one possibility or none; returns where the next begins."""
        for at in range(start, len(ranges)):
            fits = self._narrowed(ranges[at])
            if not fits:
                if self._count:
                    return at if at > start else self._restarted(ranges, start)
                return at + 1  # nothing fits even this one: its own range is all that is known
            self._fits, self._before = fits, ranges[at]
            self._count += 1
            if self._sole is not None and self._sure:
                return at + 1
        return len(ranges)

    def _restarted(self, ranges: Sequence[Range], start: int) -> int:
        self.gap()
        return self._fit(ranges, start)

    def _narrowed(self, allowed: Range) -> dict[int, Range]:
        low, high = allowed
        if not self._count:
            candidates = (self._known,) if self._known else LIKELY
            ranges = {every: (-(-low // every), high // every) for every in candidates}
            return {every: each for every, each in ranges.items() if each[0] <= each[1]}
        fits = {}
        for every, (first, last) in self._fits.items():
            least, most = max(first, -(-low // every) - self._count), min(last, high // every - self._count)
            if least <= most:
                fits[every] = (least, most)
        return fits or self._uncommon(allowed)

    def _uncommon(self, allowed: Range) -> dict[int, Range]:
        """The difference of two exact steps is the log frequency, if the first is a multiple of it."""
        before = self._before
        if self._known or before is None or before[0] != before[1] or allowed[0] != allowed[1] or self._count != 1:
            return {}
        every = allowed[0] - before[0]
        if every <= 0 or before[0] % every:
            return {}
        return {every: (before[0] // every, before[0] // every)}

    @property
    def _sure(self) -> bool:
        """Whether one possibility may be trusted: a single step says nothing of an unknown log frequency."""
        return self._known > 0 or self._count > 1

    @property
    def _sole(self) -> tuple[int, int] | None:
        """The one log frequency and number of the first point that fit; None if there are several."""
        if len(self._fits) != 1:
            return None
        ((every, (first, last)),) = self._fits.items()
        return (every, first) if first == last else None

    def _assigned(self, ranges: Sequence[Range], start: int, to: int) -> list[Step]:
        """The steps of the points from `start` to before `to`, the newest that were fitted."""
        sole, first = self._sole, self._count - (to - start)
        if sole is not None and self._sure:
            every, number = sole
            steps = [((number + first + index) * every, True) for index in range(to - start)]
            self._locked = self._known = every
        else:
            steps = [self._guess(ranges[start + index], first + index) for index in range(to - start)]
        return [self._increasing(step) for step in steps]

    def _guess(self, allowed: Range, index: int) -> Step:
        low, high = allowed
        if low == high:
            return low, True
        if not self._fits or index < 0:
            return (low + high) // 2, False
        possible = {(number + index) * every for every, ends in self._fits.items() for number in ends}
        if len(possible) == 1:
            return possible.pop(), True
        every, (first, last) = next(iter(self._fits.items()))
        return min(max(((first + last) // 2 + index) * every, low), high), False

    def _increasing(self, step: Step) -> Step:
        """After the one before, even where an earlier estimate was too high."""
        number, exact = step if step[0] > self._last else (self._last + 1, False)
        self._last = number
        return number, exact

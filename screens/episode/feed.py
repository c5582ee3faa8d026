"""Asks for pictures one request at a time: what was wanted meanwhile replaces what was wanted before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.datasets.episode_view import EpisodeProblem, EpisodeView, Picture


@dataclass(frozen=True)
class Wanted:
    """Frames of the open episode, and the sizes of their pictures by camera."""

    frames: tuple[int, ...]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Feed:
    """`show` gets the pictures, `fail` the sentence why there are none; both on the event loop."""

    def __init__(
        self, view: EpisodeView, show: Callable[[tuple[Picture, ...]], None], fail: Callable[[EpisodeProblem], None]
    ) -> None:
        self._view, self._show, self._fail = view, show, fail
        self._next: Wanted | None = None
        self._last: Wanted | None = None
        self.busy = False

    def want(self, wanted: Wanted) -> bool:
        """Have this shown next; returns whether `run` must be started for it."""
        if not wanted.sizes or wanted == (self._next or self._last):
            return False
        self._next = wanted
        return not self.busy

    def forget(self) -> None:
        """Another episode is open: the same frames are other pictures."""
        self._next = self._last = None

    async def run(self) -> None:
        """Ask until nothing newer is wanted."""
        if self.busy:
            return
        self.busy = True
        try:
            while (wanted := self._next) is not None:
                self._next, self._last = None, wanted
                shown = await self._view.show(wanted.frames, wanted.sizes)
                if self._last is wanted:  # else another episode was opened meanwhile
                    self._show(shown.pictures)
        except EpisodeProblem as problem:
            self._last = None
            self._fail(problem)
        finally:
            self.busy = False

"""A key or a foot pedal that is held down: the terminal sends it again and again, and nobody meant that.

What starts, ends or judges a take or a trial is asked for once by each press. A terminal tells no release, so a key
is held as long as it comes quicker than a person presses.
"""

from __future__ import annotations

REPEAT_S = 0.12
"""Keyboards repeat 10 to 40 times a second; nobody presses one key four times so quickly."""
REPEATS = 3
"""As many repetitions so quick as tell that it is held: a person may press a few times."""
ONCE = frozenset({"trial", "practice", "judge", "take"})
"""Actions that a held key does not repeat."""
HELD = "the key is held down: let go of it, then press it once"


class HeldKeys:
    """Told of every key, by its name and the time when it came (monotonic seconds)."""

    def __init__(self) -> None:
        self._key, self._at, self.repeats = "", float("-inf"), 0

    def note(self, key: str, at: float) -> bool:
        """Whether this key is held down."""
        quick = key == self._key and at - self._at < REPEAT_S
        self.repeats = self.repeats + 1 if quick else 0
        self._key, self._at = key, at
        return self.repeats >= REPEATS

    @property
    def begins(self) -> bool:
        """Whether it has just become clear."""
        return self.repeats == REPEATS

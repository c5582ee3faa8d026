"""What an evaluation's sessions came to, as the session is told that goes on with them."""

from __future__ import annotations

import msgspec

from sessions.models import Verdict
from sessions.trials import Result


class Tried(msgspec.Struct, frozen=True):
    """The trials that count of the policy in `checkpoint` under the condition of that name, empty for none."""

    checkpoint: str
    condition: str = ""
    success: int = 0
    failure: int = 0

    @property
    def result(self) -> Result:
        """The same in numbers that a log from elsewhere cannot make negative."""
        success, failure = max(0, self.success), max(0, self.failure)
        return Result(checkpoint=self.checkpoint, condition=self.condition, successes=success, judged=success + failure)


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions that an evaluation goes on with, as their log stood when it began.

    `sessions` is how many they are, `attempts` all trials of them, practice and void ones included, `tried` those that
    count. `calibration` is that of the last one's arms (see BenchConnected).
    """

    sessions: int = 0
    attempts: int = 0
    void: int = 0
    tried: tuple[Tried, ...] = ()
    calibration: dict[str, str] = {}

    def count(self, verdict: Verdict) -> int:
        """Trials with this verdict, without practice."""
        match verdict:
            case Verdict.SUCCESS:
                return sum(max(0, each.success) for each in self.tried)
            case Verdict.FAILURE:
                return sum(max(0, each.failure) for each in self.tried)
            case Verdict.VOID:
                return max(0, self.void)

    @property
    def judged(self) -> int:
        """Trials that count."""
        return self.count(Verdict.SUCCESS) + self.count(Verdict.FAILURE)

"""A second judge who was trained on the last pictures of judged trials, as an evaluation's request keeps him."""

from __future__ import annotations

import msgspec

WEIGHT = 0.5
"""How much a trial tells of a judge's errors that was judged by cross-validation, against one of its own.

The trials that are left out in turn are judged by lines that share most of what they were fitted on, so that their
errors go together, and no estimate of how much is unbiased (Y. Bengio and Y. Grandvalet, No unbiased estimator of the
variance of k-fold cross-validation, Journal of Machine Learning Research 5 (2004)). In simulations Wilson's interval of
all of them holds a judge's true error in 87 to 99 %, of half as many in 94 to 99 %
(`tests.bench.judge_coverage`).
"""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that he looks through, and its picture's size in pixels."""

    camera: str
    width: int
    height: int


class TrainedJudge(msgspec.Struct, frozen=True, kw_only=True):
    """How well he judged trials that he was not trained on, and what he looks at.

    He said `success` of `successes_found` of the `successes` and `failure` of `failures_found` of the `failures`, by
    the verdicts that stood then. `fingerprint` is the SHA-256 of his weights.
    """

    fingerprint: str
    bench: str
    task: str
    cameras: tuple[Seen, ...]
    successes: int
    successes_found: int
    failures: int
    failures_found: int

    @property
    def finds(self) -> tuple[float, float]:
        """Which share of the successes, and of the failures, he found. Raises ZeroDivisionError without any."""
        return self.successes_found / self.successes, self.failures_found / self.failures

    @property
    def tells(self) -> tuple[float, float]:
        """As how many trials of its own what is known of his successes, and of his failures, counts."""
        return WEIGHT * self.successes, WEIGHT * self.failures

"""A second judge who was trained on the last pictures of judged trials, as an evaluation's request keeps him."""

from __future__ import annotations

import msgspec


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

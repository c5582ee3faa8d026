"""Whether a dataset has what every policy learns from, before a training starts. No torch; reads meta/stats.json.

LeRobot 0.6.1 trains on a numeric feature without statistics as if it were normalized, without a word
(processor/normalize_processor.py), and stops at pictures without any by a bare KeyError (datasets/factory.py).
tests/lerobot_seams/test_policy_seams.py checks that it still does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import orjson

from services.datasets.cameras import camera_keys
from services.datasets.summary import DatasetSummary
from services.refusal import Refusal

ACTION, OBSERVED, STATS = "action", "observation.", "meta/stats.json"


def check_actions(summary: DatasetSummary) -> None:
    """Raises Refusal if nobody acts in the dataset."""
    if not any(key == ACTION or key.startswith(f"{ACTION}.") for key in summary.features):
        raise Refusal(
            f"dataset {summary.name} has no feature {ACTION!r}, which is what a policy learns: it has "
            f"{', '.join(key for key in summary.features if key.startswith(OBSERVED)) or 'no observation either'}"
        )


def check_statistics(summary: DatasetSummary, left_out: Sequence[str]) -> None:
    """Raises Refusal if a feature that is read has no statistics; a file that cannot be read is refused later."""
    stats = None
    with suppress(OSError, ValueError):
        stats = orjson.loads((summary.root / STATS).read_bytes())
    if not isinstance(stats, dict):
        return
    unread = {key for name, key in camera_keys(summary.features).items() if name in left_out}
    without = [
        key for key, feature in summary.features.items()
        if (key == ACTION or key.startswith(OBSERVED)) and key not in unread
        and feature.get("dtype") != "string" and not stats.get(key)
    ]  # fmt: skip
    if without:
        raise Refusal(
            f"dataset {summary.name} has no statistics of {', '.join(without)} in {STATS}, so that LeRobot does not "
            "normalize what it learns from: `lerobot-edit-dataset --operation.type recompute_stats` makes a copy "
            "that has them"
        )

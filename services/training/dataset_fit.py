"""Whether a dataset has what every policy learns from, before a training starts. No torch; reads meta/stats.json.

LeRobot 0.6.1 trains on a numeric feature without statistics as if it were normalized, without a word
(processor/normalize_processor.py), and stops at pictures without any by a bare KeyError (datasets/factory.py).
tests/lerobot_seams/test_policy_seams.py checks that it still does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from services.datasets.cameras import camera_keys
from services.datasets.summary import DatasetSummary
from services.refusal import Option, Refusal
from services.training.policies import known
from sessions.files import read_file

ACTION, OBSERVED, STATS = "action", "observation.", "meta/stats.json"
STATE, ENVIRONMENT = "observation.state", "observation.environment_state"
TAKE_ENVIRONMENT = ("act", "diffusion", "tdmpc", "gaussian_actor")
"""Policies of LeRobot that take the environment's state. Besides it, the joints and pictures none takes anything."""
RECOMPUTE = "`lerobot-edit-dataset --operation.type recompute_stats` makes a copy that has them"


def check_actions(summary: DatasetSummary) -> None:
    """Raises Refusal if nobody acts in the dataset."""
    if not any(key == ACTION or key.startswith(f"{ACTION}.") for key in summary.features):
        raise Refusal(
            f"dataset {summary.name} has no feature {ACTION!r}, which is what a policy learns: it has "
            f"{', '.join(key for key in summary.features if key.startswith(OBSERVED)) or 'no observation either'}"
        )


def check_statistics(summary: DatasetSummary, left_out: Sequence[str]) -> None:
    """Raises Refusal if what every policy reads has no statistics: joints, actions, and pictures that are not left out.

    Of other features `unnormalized` says what a policy takes; a file that cannot be read is refused later.
    """
    stats = statistics(summary.root)
    if stats is None:
        return
    cameras = {key: name for name, key in camera_keys(summary.features).items() if name not in left_out}
    without = [key for key in (STATE, ACTION) if key in summary.features and not stats.get(key)]
    unseen = [name for key, name in cameras.items() if not stats.get(key)]
    if without:
        raise Refusal(
            f"dataset {summary.name} has no statistics of {', '.join(without)} in {STATS}, so that LeRobot does not "
            f"normalize what it learns from: {RECOMPUTE}"
        )
    if unseen:
        instead: tuple[str | Option, ...] = ("copy them from the one that it was made of",)
        if len(unseen) < len(cameras):
            instead = ("leave out ", Option("exclude_cameras", ",".join((*left_out, *unseen))), ", or ", *instead)
        raise Refusal(
            (f"dataset {summary.name} has no statistics of the pictures of {', '.join(unseen)} in {STATS}, at which "
             "LeRobot stops: ", *instead)
        )  # fmt: skip


def statistics(root: Path) -> dict[str, Any] | None:
    """What stats.json has, by feature; None if it is missing or cannot be read."""
    with suppress(OSError, ValueError):
        stats = orjson.loads(read_file(root / STATS))
        return stats if isinstance(stats, dict) else None
    return None


def unnormalized(policy: str, inputs: Iterable[str], stats: Mapping[str, Any]) -> tuple[str, ...]:
    """The features that a policy of this type takes raw, because the dataset has no statistics of them.

    `inputs` are a dataset's features, or a policy's. A type that is not LeRobot's own may take any observation.
    """
    own = {STATE, *((ENVIRONMENT,) if policy in TAKE_ENVIRONMENT else ())}
    return tuple(
        key for key in inputs
        if key.startswith(OBSERVED) and (key in own or policy not in known()) and not stats.get(key)
    )  # fmt: skip


def raw(policy: str, features: Sequence[str]) -> str:
    """What comes of it, and what mends it."""
    return f"policy {policy} takes {', '.join(features)} raw: the dataset has no statistics of it; {RECOMPUTE}"

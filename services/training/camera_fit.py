"""Whether a type of policy takes a dataset's cameras, before a training starts. No torch.

LeRobot 0.6.1 finds out late, by an error of torch in the first step or of `validate_features`
(policies/*/configuration_*.py). tests/lerobot_seams/test_policy_seams.py checks that it still does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from services.datasets.cameras import COLOUR, camera_keys, camera_name, channels
from services.refusal import Option, Refusal
from services.text import clean

OBSERVED = "observation."
NOTHING: Mapping[str, str] = {}
ANY_CHANNELS = ("tdmpc", "gaussian_actor")
"""Policies of LeRobot whose first layer takes as many channels as the pictures have; the others take colour only."""
ONE_CAMERA = ("tdmpc", "vqbet")
ONE_SIZE = ("diffusion", "vqbet", "multi_task_dit")
NEEDS_ALL = ("act", "diffusion", "vqbet", "multi_task_dit", "tdmpc")
"""Policies of LeRobot that stop at a KeyError if a sample lacks a camera of theirs; others do without some."""


def check_cameras(
    policy: str, types: Sequence[str], features: Mapping[str, Mapping[str, Any]], left_out: Sequence[str]
) -> None:
    """Raises Refusal if a policy of LeRobot's own `types` cannot take the cameras that are not left out."""
    if policy not in types:
        return
    keys = {name: key for name, key in camera_keys(features).items() if name not in left_out}
    _check_keys(keys, left_out)
    _check_channels(policy, {name: channels(features[key]) for name, key in keys.items()}, left_out)
    if policy in ONE_CAMERA and len(keys) > 1:
        raise Refusal(
            (f"policy {policy} looks at one camera, and the dataset has {', '.join(keys)}: ",
             *_without(list(keys)[1:], left_out))
        )  # fmt: skip
    sizes = {name: tuple(features[key].get("shape") or ()) for name, key in keys.items()}
    if policy in ONE_SIZE and len(set(sizes.values())) > 1:
        first, *others = sizes
        odd = [name for name in others if sizes[name] != sizes[first]]
        raise Refusal(
            (f"policy {policy} takes pictures of one size, and those of {', '.join(odd)} differ from {first}'s: ",
             *_without(odd, left_out))
        )  # fmt: skip


def check_seen(
    policy: str,
    kind: str,
    seen: Collection[str],
    cameras: Mapping[str, str],
    *,
    dataset: str,
    renames: Mapping[str, str] = NOTHING,
) -> None:
    """Raises Refusal if a pretrained policy of this `kind` looks at a camera that it does not get.

    `seen` are the keys of its own pictures, and `cameras` those of the dataset that are not left out, by name:
    `renames` lead from these to its own. LeRobot compares only whether one set has the other in it, and says nothing of
    what to do (policies/utils.py, validate_visual_features_consistency); where names are given it compares nothing.
    """
    given = {renames.get(key, key): name for name, key in cameras.items()}
    missing = [key for key in seen if key not in given]
    none_fits = bool(missing) and (given.keys().isdisjoint(seen) if renames else not given.keys() <= set(seen))
    if not missing or not (none_fits or kind in NEEDS_ALL):
        return
    spare = [cameras[name] for key, name in given.items() if key not in seen]
    has = f"and dataset {dataset} gives it {', '.join(cameras) or 'no camera'}"
    do: tuple[str | Option, ...] = (f"train on a dataset with that camera, or policy {kind} anew",)
    if spare:
        names = orjson.dumps({**renames, spare[0]: missing[0]}).decode()
        give = Option("settings", clean(f"'rename_map={names}'"))
        do = ("give it one of these under its own name with ", give, f", or train policy {kind} anew")
    looks = ", ".join(camera_name(key) for key in missing)
    raise Refusal((clean(f"{policy} looks at {looks}, {has}: "), *do))


def _check_keys(keys: Mapping[str, str], left_out: Sequence[str]) -> None:
    """LeRobot counts every picture among a policy's inputs, and gives it those whose key begins with `observation.`.

    The first step then fails (processor/converters.py batch_to_transition).
    """
    unseen = [name for name, key in keys.items() if not key.startswith(OBSERVED)]
    if not unseen:
        return
    given = f"LeRobot gives a policy only pictures whose key begins with {OBSERVED!r}, and this dataset's "
    given += f"{', '.join(unseen)} {'does' if len(unseen) == 1 else 'do'} not"
    if len(unseen) < len(keys):
        raise Refusal((f"{given}: ", *_without(unseen, left_out)))
    raise Refusal(f"{given}: convert it to such keys (observation.images.{unseen[0]}) before it is trained on")


def _check_channels(policy: str, found: Mapping[str, int], left_out: Sequence[str]) -> None:
    strange = [name for name, count in found.items() if count not in (0, COLOUR)]
    if policy in ANY_CHANNELS or not strange:
        return
    what = "a depth map" if found[strange[0]] == 1 else f"pictures of {found[strange[0]]} channels"
    takes = f"policy {policy} takes colour pictures only, and camera {strange[0]} gives {what}"
    if len(strange) == len(found):
        raise Refusal(f"{takes}: record a colour camera, or choose another policy")
    raise Refusal((f"{takes}: ", *_without(strange, left_out)))


def _without(more: Sequence[str], left_out: Sequence[str]) -> tuple[str | Option, ...]:
    return "leave out what it cannot take with ", Option("exclude_cameras", ",".join((*left_out, *more)))

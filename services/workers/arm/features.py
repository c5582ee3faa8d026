"""A robot's features as LeRobot datasets and policies name them."""

from __future__ import annotations

from typing import Any

from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_STR
from lerobot.utils.feature_utils import combine_feature_dicts, hw_to_dataset_features

Features = dict[str, dict[str, Any]]


def dataset_features(robot: Any) -> Features:
    """The dataset features of `robot`: `observation.state`, one `observation.images.*` per camera, `action`.

    Values in the robot's `environment_features` (a simulated bench's cube) become
    `observation.environment_state`, float32 (n,), instead of a part of `observation.state`; LeRobot's
    `hw_to_dataset_features` (utils/feature_utils.py) does not make that distinction.
    """
    environment = set(getattr(robot, "environment_features", ()))
    own = {name: kind for name, kind in robot.observation_features.items() if name not in environment}
    observed: Features = hw_to_dataset_features(own, OBS_STR)
    if environment:
        names = [name for name in robot.observation_features if name in environment]
        observed[OBS_ENV_STATE] = {"dtype": "float32", "shape": (len(names),), "names": names}
    features: Features = combine_feature_dicts(observed, hw_to_dataset_features(robot.action_features, ACTION))
    return features

"""A bench without some of its cameras: these are not opened, so nothing of them is recorded and nothing is alarmed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from sessions.bench import DEPTH, CameraPlace, Profile, camera_places


def profile_without(profile: Profile, names: Collection[str]) -> Profile:
    """The bench without the cameras of these names, as `camera_places` has them; other names change nothing.

    A depth map is left out by its own name (`wrist_depth`), and with its camera.
    """
    robot: dict[str, Any] = profile.robot
    for place in camera_places(profile.robot):
        if place.name in names:
            robot = _changed(robot, place.keys, None)
        elif place.name + DEPTH in names and place.table.get("use_depth"):
            robot = _changed(robot, place.keys, _without_depth(place))
    return profile if robot is profile.robot else msgspec.structs.replace(profile, robot=robot)


def _without_depth(place: CameraPlace) -> dict[str, Any]:
    return {key: value for key, value in place.table.items() if key != "use_depth"}


def _changed(table: Mapping[str, Any], keys: tuple[str, ...], value: dict[str, Any] | None) -> dict[str, Any]:
    """The table with another value at the end of the keys; None takes the last key out."""
    first, *rest = keys
    if rest:
        return {**table, first: _changed(table[first], tuple(rest), value)}
    return {key: each for key, each in table.items() if key != first} | ({first: value} if value is not None else {})

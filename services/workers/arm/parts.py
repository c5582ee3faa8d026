"""The parts of a robot or leader: its arms with their motors buses, and its cameras.

LeRobot 0.6.1 has devices of one arm (robots/so_follower) and of two (utils/bimanual.py, robots/bi_so_follower), whose
arms are attributes `left_arm` and `right_arm` and whose features carry the prefixes `left_` and `right_`. A robot whose
motors the console cannot hold, release and measure by itself is refused before it is connected.
"""

from __future__ import annotations

from typing import Any

from lerobot.motors.motors_bus import MotorsBusBase, SerialMotorsBus

from services.workers.arm.device_problem import DeviceProblem
from sessions.bench import CAMERAS, DEPTH

POSITION = ".pos"
ARM = "_arm"
_SWITCHES = ("sync_read", "enable_torque", "disable_torque")
"""What the console needs of a motors bus."""


def arms_of(device: Any) -> dict[str, Any]:
    """The arms of a device by the prefix of their motors in its features: `{"": device}` or `left_` and `right_`.

    Each has a motors bus, `bus`. Empty for a device without one, such as a keyboard.
    """
    if device is None:
        return {}
    if getattr(device, "bus", None) is not None:
        return {"": device}
    parts = {name: part for name, part in vars(device).items() if name.endswith(ARM)}
    return {name.removesuffix("arm"): part for name, part in parts.items() if getattr(part, "bus", None) is not None}


def buses_of(device: Any) -> dict[str, Any]:
    """The motors buses by the prefix of their motors."""
    return {prefix: arm.bus for prefix, arm in arms_of(device).items()}


# -- what cannot be used ------------------------------------------------------------------------------


def check_robot(robot: Any) -> None:
    """Raises DeviceProblem for a robot whose motors the console cannot drive. The robot need not be connected."""
    refused = f"follower: this console cannot drive {robot.name}"
    others = [key for key in robot.action_features if not key.endswith(POSITION)]
    if others:
        raise DeviceProblem(
            f"{refused}: its actions include {', '.join(others[:6])}, and only positions of motors (`NAME{POSITION}`) "
            "can be held, ramped and brought to rest"
        )
    buses = buses_of(robot)
    if not buses:
        raise DeviceProblem(f"{refused}: it has no motors bus through which its torque can be held and released")
    for bus in buses.values():
        foreign = isinstance(bus, MotorsBusBase) and not isinstance(bus, SerialMotorsBus)
        if foreign or not all(hasattr(bus, name) for name in _SWITCHES):
            raise DeviceProblem(f"{refused}: it is not known how to hold and release a {type(bus).__name__}")
    joints = {key.removesuffix(POSITION) for key in robot.action_features}
    motors = {f"{prefix}{motor}" for prefix, bus in buses.items() for motor in getattr(bus, "motors", ())}
    if motors and motors != joints:
        raise DeviceProblem(
            f"{refused}: its actions are not the positions of its motors (they differ in "
            f"{', '.join(sorted(motors ^ joints)[:6])})"
        )


# -- cameras ------------------------------------------------------------------------------------------


class Cameras:
    """The cameras of a robot by the names that its observations give them.

    An arm of a robot opens its own cameras, and the left one those of the whole robot, which keep their names.
    """

    def __init__(self, robot: Any) -> None:
        self._robot = robot
        arms = arms_of(robot)
        paired = "" not in arms and bool(arms)
        self._owners = arms if paired else {"": robot} if hasattr(robot, CAMERAS) else {}
        self._shared = set(getattr(robot.config, CAMERAS, {})) if paired else set()
        self._own = {prefix: tuple(owner.cameras) for prefix, owner in self._owners.items()}

    def by_name(self) -> dict[str, Any]:
        """The cameras that the robot has now."""
        return {
            self._name(prefix, own): camera
            for prefix, owner in self._owners.items()
            for own, camera in owner.cameras.items()
        }

    def configs(self) -> dict[str, Any]:
        """LeRobot's configuration of each camera that the robot or its arm keeps."""
        return {
            self._name(prefix, own): config
            for prefix, owner in self._owners.items()
            for own, config in (getattr(getattr(owner, "config", None), CAMERAS, None) or {}).items()
        }

    def keep(self, wanted: dict[str, Any]) -> None:
        """Let the robot have the cameras of `wanted` only, which had them before: `keep({})` takes all off."""
        for prefix, owner in self._owners.items():
            owner.cameras = {own: wanted[n] for own in self._own[prefix] if (n := self._name(prefix, own)) in wanted}
        if "" not in self._owners and self._owners:
            self._robot.cameras = dict(wanted)
        vars(self._robot).pop("observation_features", None)  # LeRobot caches what it names

    def _name(self, prefix: str, own: str) -> str:
        return own if own in self._shared else f"{prefix}{own}"

    def check(self) -> None:
        """Raises DeviceProblem if the robot's observations call a camera otherwise. Call it with the cameras on."""
        observed = self._robot.observation_features
        unknown = [name for name in self.by_name() if name not in observed and name + DEPTH not in observed]
        if unknown:
            raise DeviceProblem(f"follower: {self._robot.name} does not say what camera {unknown[0]} is called")

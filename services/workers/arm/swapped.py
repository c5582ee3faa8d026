"""Two arms of a bench at each other's port: seen by their calibration or their supply, before torque is switched.

A leader that is driven as the follower would be given torque in somebody's hand, and LeRobot cuts the torque of what it
takes for a leader when it connects it (0.6.1, teleoperators/so_leader, `configure`): a follower that holds would fall.
Supplies are compared once both are known: a limp arm at the follower's port has had its settings written by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from lerobot.motors.motors_bus import SerialMotorsBus

from services.bench.profiles import Profile
from services.health.checks import thresholds_of
from services.health.supply import Supply
from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.parts import arms_of
from sessions.bench import arm_name, arm_prefix, arm_tables

VOLTAGE = "Present_Voltage"
TENTHS = 10.0


@dataclass(frozen=True)
class Place:
    """One arm of the bench: what it is called, its LeRobot device, the key of its port in lab.toml."""

    device: str
    name: str
    part: Any
    key: str

    @property
    def port(self) -> str:
        """Its port's path."""
        return str(self.part.bus.port)


class Swapped(DeviceProblem):
    """Two arms are at each other's port."""


class SwapCheck:
    """Call it with each arm once its bus is open and before anything is written to it, the follower first."""

    def __init__(self, profile: Profile, robot: Any, teleop: Any) -> None:
        tables = (("follower", robot, "robot", profile.robot), ("leader", teleop, "teleop", profile.teleop))
        self._places = [
            Place(device, arm_name(device, prefix), part, f"bench.{profile.name}.{key}{_own_table(prefix, table)}.port")
            for device, whole, key, table in tables
            for prefix, part in arms_of(whole).items()
            if isinstance(part.bus, SerialMotorsBus)
        ]
        self._volts: dict[str, float] = {}
        self._limit = f"bench.{profile.name}.health.supply.volts"
        self._thresholds = thresholds_of(Supply, profile.health)

    def __call__(self, part: Any) -> None:
        """Raises Swapped, with what to write into lab.toml."""
        here = next((place for place in self._places if place.part is part), None)
        if here is None:
            return
        self._compare_calibrations(here)
        self._compare_supplies(here)

    def _compare_calibrations(self, here: Place) -> None:
        bus = here.part.bus
        others = [place for place in self._places if place is not here and place.part.calibration]
        if not others or (here.part.calibration and bus.is_calibrated):
            return
        found = _ranges(bus.read_calibration())
        for other in others:
            if _ranges(other.part.calibration) == found:
                why = f"{here.name}: the motors at {here.port} have the calibration of the {other.name}"
                raise Swapped(f"{why}: {_swap(here, other)}")

    def _compare_supplies(self, here: Place) -> None:
        volts = _volts(here.part.bus)
        if volts is None:
            return
        self._volts[here.name] = volts
        for other in self._places:
            theirs = self._volts.get(other.name)
            if other.device != here.device and theirs is not None:
                leader, follower = (here, other) if here.device == "leader" else (other, here)
                high, low = self._volts[leader.name], self._volts[follower.name]
                check = Supply(self._thresholds)
                check.update(high - low, 0.0)
                if check.active:
                    why = f"{leader.name}: its motors have {high:.1f} V, those of the {follower.name} {low:.1f} V"
                    meant = f"if that is meant, set {self._limit} above {high - low:.1f}"
                    raise Swapped(f"{why}: {_swap(leader, follower)}; {meant}")


def _swap(here: Place, other: Place) -> str:
    return (
        f"the two arms are swapped; in lab.toml write {here.key} = {_quoted(other.port)} and "
        f"{other.key} = {_quoted(here.port)}"
    )


def _quoted(text: str) -> str:
    return f'"{text}"'


def _own_table(prefix: str, table: Mapping[str, Any]) -> str:
    """The part of a key that leads to an arm of two: `.left_arm_config`."""
    return next((f".{key}" for key in arm_tables(table) if arm_prefix(key) == prefix), "")


def _ranges(calibration: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """What LeRobot compares of a calibration (motors/feetech, `is_calibrated`)."""
    return {motor: (each.homing_offset, each.range_min, each.range_max) for motor, each in calibration.items()}


def _volts(bus: Any) -> float | None:
    """The motors' supply; None where they do not say it."""
    try:
        return median(bus.sync_read(VOLTAGE, normalize=False).values()) / TENTHS
    except KeyError:  # another make has no such register
        return None


def check_before_configuring(device: Any, check: Callable[[Any], None]) -> None:
    """Have `check` look at each arm of a device once its port is open, before LeRobot writes to it."""
    for part in arms_of(device).values():
        if isinstance(part.bus, SerialMotorsBus):
            part.configure = _checked(part, check)


def _checked(part: Any, check: Callable[[Any], None]) -> Callable[[], None]:
    configure = part.configure

    def check_and_configure() -> None:
        check(part)
        configure()

    return check_and_configure

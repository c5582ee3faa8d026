"""Torque and goals of a robot's motors, as the motors say themselves: nothing is called off or on that was not read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from lerobot.motors.motors_bus import SerialMotorsBus

from services.workers.arm.motion import Pose
from services.workers.arm.parts import arms_of
from services.workers.arm.serial_bus import BITS, dependable
from sessions.bench import arm_name

TRIES = 2
"""How often what did not do as it was told is told again; each packet is retried by itself."""

logger = logging.getLogger(__name__)


class TorqueProblem(Exception):
    """Torque that is not as it was asked for; names the motors."""


@dataclass(frozen=True)
class Torque:
    """What each motor last said of its torque, by motor: True on, False off, None where it did not answer.

    Empty for a robot that cannot be asked.
    """

    motors: dict[str, bool | None]

    def named(self, state: bool | None) -> list[str]:
        """The motors in this state."""
        return [name for name, on in self.motors.items() if on is state]

    @property
    def all_on(self) -> bool:
        """Whether every motor said so."""
        return all(on is True for on in self.motors.values())

    @property
    def all_off(self) -> bool:
        """Whether every motor said so."""
        return all(on is False for on in self.motors.values())

    @property
    def words(self) -> str:
        """For people: `torque is off`, `torque is on at gripper, off at the others`."""
        if not self.motors:
            return "whether torque is on cannot be asked of this robot"
        on, off, unknown = self.named(True), self.named(False), self.named(None)
        if not on and not off:
            return "whether torque is on is not known: the motors do not answer"
        parts = [f"on at {_list(on)}"] if on and off else ["on"] if on else ["off"]
        parts += [f"off at {_list(off)}"] if on and off else []
        parts += [f"not known of {_list(unknown)}"] if unknown else []
        return f"torque is {', '.join(parts)}"


def _list(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


class Motors:
    """The motors of one robot, of one arm or several. Belongs to the control loop's thread."""

    def __init__(self, robot: Any, device: str = "follower") -> None:
        self._robot = robot
        self._arms = arms_of(robot)
        self._serial = {
            prefix: dependable(part.bus, arm_name(device, prefix))
            for prefix, part in self._arms.items()
            if isinstance(part.bus, SerialMotorsBus)
        }
        self.last = Torque({})
        """As last read."""

    @property
    def one_by_one(self) -> bool:
        """Whether each motor can be switched by itself, goal first, and asked by itself."""
        return bool(self._serial) and len(self._serial) == len(self._arms)

    # --- reading ----------------------------------------------------------------------------------

    def torque(self) -> Torque:
        """Read each motor's torque; never raises: what does not answer is None."""
        found: dict[str, bool | None] = {}
        for prefix, part in self._arms.items():
            said = _read_torque(part.bus, one_by_one=prefix in self._serial)
            found |= {f"{prefix}{motor}": on for motor, on in said.items()}
        self.last = Torque(found)
        return self.last

    def goal(self) -> Pose | None:
        """The goals that the motors have, in the robot's units; None where they cannot be read."""
        pose: Pose = {}
        for prefix, part in self._arms.items():
            try:
                goals = _exact_goals(part.bus) if prefix in self._serial else part.bus.sync_read("Goal_Position")
                pose |= {f"{prefix}{motor}": float(value) for motor, value in goals.items()}
            except Exception as error:  # drivers raise what they like
                logger.info("the goals of the motors cannot be read: %s", error)
                return None
        return pose or None

    @property
    def complaints(self) -> str:
        """What servos complain of in their last answers, for people; empty where none does."""
        found = [
            f"{prefix}{motor} is {' and '.join(word for bit, word in BITS.items() if bits & bit)}"
            for prefix, serial in self._serial.items()
            for motor, bits in serial.errors.items()
            if bits
        ]
        return ", ".join(found)

    # --- switching --------------------------------------------------------------------------------

    def switch_off(self) -> Torque:
        """Torque off, motor by motor where that is possible, then as read.

        Raises AttributeError where the robot has no such way, and what a bus raises that cannot be asked.
        """
        return self._switch(None, lambda bus, motor: bus.disable_torque(motor), "disable_torque", False)

    def grip(self, names: Collection[str] | None = None) -> Torque:
        """Goal := measured, then torque on, of these motors or all; then as read. Nothing moves.

        A motor whose goal was not acknowledged stays limp. Where motors cannot be switched one by one, all of them
        are, and the caller has sent the goal. Raises as `switch_off`.
        """
        return self._switch(names, _grip, "enable_torque", True)

    def _switch(
        self, names: Collection[str] | None, one: Callable[[Any, str], object], whole: str, wanted: bool
    ) -> Torque:
        if not self._arms or not all(hasattr(part.bus, whole) for part in self._arms.values()):
            raise AttributeError(f"{self._robot.name} has no motors bus that can switch torque")
        left = names
        for _ in range(TRIES):
            for prefix, part in self._arms.items():
                if prefix in self._serial:
                    motors = [m for m in part.bus.motors if left is None or f"{prefix}{m}" in left]
                    _each(part.bus, motors, one)
                else:
                    getattr(part.bus, whole)()
            said = self.torque().motors
            left = [name for name in (said if names is None else names) if said.get(name) is not wanted]
            if not left or not self._serial:
                break
        return self.last


def _read_torque(bus: Any, *, one_by_one: bool) -> dict[str, bool | None]:
    try:
        return {motor: bool(on) for motor, on in bus.sync_read("Torque_Enable").items()}
    except (KeyError, AttributeError):
        return {}  # no such register: it cannot be asked
    except Exception:  # drivers raise what they like
        return {motor: _torque_of(bus, motor) if one_by_one else None for motor in getattr(bus, "motors", ())}


def _torque_of(bus: Any, motor: str) -> bool | None:
    try:
        return bool(bus.read("Torque_Enable", motor))
    except Exception:
        return None


def _each(bus: Any, motors: list[str], call: Callable[[Any, str], object]) -> None:
    """One motor that fails keeps no other from its turn; what came of it is read afterwards."""
    for motor in motors:
        try:
            call(bus, motor)
        except Exception as error:  # drivers raise what they like
            logger.warning("%s: %s", motor, error)


def _grip(bus: Any, motor: str) -> None:
    here = bus.read("Present_Position", motor, normalize=False)
    bus.write("Goal_Position", motor, here, normalize=False)
    bus.enable_torque(motor)


def _exact_goals(bus: Any) -> Pose:
    """The goals such that sending them again writes the very same ticks.

    LeRobot's `_unnormalize` cuts off what is behind the point: a goal that was read and sent again would sink tick by
    tick.
    """
    raw = bus.sync_read("Goal_Position", normalize=False)
    ids = {bus.motors[motor].id: int(ticks) for motor, ticks in raw.items()}
    here, next_ = bus._normalize(ids), bus._normalize({i: ticks + 1 for i, ticks in ids.items()})
    return {motor: here[i] + 0.3 * (next_[i] - here[i]) for motor, i in ((m, bus.motors[m].id) for m in raw)}

"""An arm that is only looked at: its motors are read, and nothing is written to them, neither goal, torque nor setting.

LeRobot's arms write where they are connected: `configure()` sets modes and gains with torque off (0.6.1,
robots/so_follower/so_follower.py), and every other write goes through the bus's `_write` and `_sync_write`
(motors/motors_bus.py). Both are refused here, whoever calls them: limp stays limp, and what is held stays held.
"""

from __future__ import annotations

from typing import Any, NoReturn

from lerobot.motors.motors_bus import SerialMotorsBus

from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.parts import arms_of

WRITES = ("_write", "_sync_write")
"""What every write of a serial bus comes down to."""
SIMULATED_WRITES = ("sync_write", "write", "enable_torque", "disable_torque")
"""The same of the simulated bench's bus."""


class OnlyLooks(Exception):
    """Something would have been written to a motor."""


def keep_hands_off(robot: Any, *, simulated: bool) -> None:
    """From now on nothing can be written to the robot's motors. Call it before it is connected.

    Raises DeviceProblem for a robot of which that cannot be said.
    """
    for part in arms_of(robot).values():
        if not simulated and not isinstance(part.bus, SerialMotorsBus):
            raise DeviceProblem(
                f"follower: {robot.name} is not connected only to look at it, since it is not known what its driver "
                "does to torque then; an evaluation, `lab-console` and F5, makes the same preflight before its trials"
            )
        part.configure = _leave_alone
        for name in WRITES if isinstance(part.bus, SerialMotorsBus) else SIMULATED_WRITES:
            setattr(part.bus, name, _refuse)


def _leave_alone() -> None:
    """In place of `configure`."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise OnlyLooks("a session that only looks writes nothing to the motors")

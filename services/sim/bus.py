"""The follower's motors, with the part of LeRobot's motors-bus interface that a caller needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lerobot.motors import Motor, MotorNormMode
from lerobot.utils.errors import DeviceNotConnectedError

from services.sim import bench
from services.sim.arm import JOINTS
from services.sim.client import World


class SimBus:
    """The part of LeRobot's motors bus that callers use: torque, `Present_Position` and `Goal_Position`."""

    def __init__(self) -> None:
        modes = [MotorNormMode.DEGREES] * 5 + [MotorNormMode.RANGE_0_100]
        self.motors = {
            name: Motor(number, "sts3215", mode)
            for number, (name, mode) in enumerate(zip(JOINTS, modes, strict=True), start=1)
        }
        self._world: World | None = None

    @property
    def is_connected(self) -> bool:
        """Whether this end is connected (the world itself may be gone)."""
        return self._world is not None

    @property
    def world(self) -> World:
        """The bench. Raises DeviceNotConnectedError before `connect`."""
        if self._world is None:
            raise DeviceNotConnectedError("the simulated follower is not connected; call connect() first")
        return self._world

    def connect(self) -> None:
        """Connect; torque and goals do not change."""
        self._world = bench.open_world()

    def disconnect(self, disable_torque: bool = True) -> None:
        """Disconnect, cutting torque first if `disable_torque`."""
        world = self.world
        try:
            if disable_torque:
                world.set_torque(False)
        finally:
            self._world = None
            world.close()

    def enable_torque(self, motors: Any = None, num_retry: int = 0) -> None:
        """All motors on; they pull towards the last goals."""
        self.world.set_torque(True)

    def disable_torque(self, motors: Any = None, num_retry: int = 0) -> None:
        """All motors off; the arm sags."""
        self.world.set_torque(False)

    def sync_read(
        self,
        data_name: str,
        motors: str | Sequence[str] | None = None,
        *,
        normalize: bool = True,
        num_retry: int = 0,
    ) -> dict[str, float]:
        """`Present_Position`, `Goal_Position` or `Torque_Enable` of all or some motors."""
        if data_name == "Present_Position":
            values: Sequence[float] = self.world.joints()
        elif data_name == "Goal_Position":
            values = self.world.state().goals
        elif data_name == "Torque_Enable":
            values = [float(self.world.state().torque)] * len(JOINTS)
        else:
            raise KeyError(f"the simulated bus cannot read {data_name!r}")
        wanted = JOINTS if motors is None else (motors,) if isinstance(motors, str) else motors
        return {name: values[JOINTS.index(name)] for name in wanted}

    def sync_write(
        self, data_name: str, values: Mapping[str, float], *, normalize: bool = True, num_retry: int = 0
    ) -> None:
        """`Goal_Position` of all or some motors; goals are clipped to the joints' limits."""
        if data_name != "Goal_Position":
            raise KeyError(f"the simulated bus cannot write {data_name!r}")
        unknown = set(values) - set(JOINTS)
        if unknown:
            raise KeyError(f"the simulated bus has no motor {', '.join(sorted(unknown))}")
        self.world.command([None if name not in values else float(values[name]) for name in JOINTS])

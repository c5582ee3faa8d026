"""The simulated bench: the plant, the person at the leader, the takes and the faults.

No sockets and no clock: the world process advances it against wall time, lockstep by one control period
per command.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from math import isfinite

import numpy as np

from services.sim.arm import HOME, Pose, clip
from services.sim.demonstrator import Cube, Demonstrator
from services.sim.plant import Plant, spawn_pose
from services.sim.settings import Fault, SimSettings
from services.sim.wire import DeviceFault, GoalRecord, WorldState

GOALS_KEPT = 512


class Stage:
    """One bench. `take_started` and `take_ended` may come from several devices; the first one counts."""

    def __init__(self, settings: SimSettings, fps: int, *, lockstep: bool = False) -> None:
        self.plant = Plant(1 / fps if lockstep else None)
        self.plant.step(1)
        self._requested = self.plant.goals
        self._stuck = False
        self._log: deque[GoalRecord] = deque(maxlen=GOALS_KEPT)
        self._demonstrator = Demonstrator(settings, HOME)
        self._open(settings, fps)

    def apply(self, settings: SimSettings, fps: int) -> None:
        """Begin a new session: takes count from 1 again, the leader goes home, the arm stays as it is."""
        pose = self._demonstrator.pose
        self._demonstrator = Demonstrator(settings, pose)
        self._demonstrator.go_home()
        self._open(settings, fps)

    def _open(self, settings: SimSettings, fps: int) -> None:
        self.settings, self.fps = settings, fps
        self.take, self.taking = 0, False
        self._take_began = self.plant.time
        self._put_back: int | None = None
        self._spawn(1)

    # --- time -----------------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """Control periods since the last take began."""
        return int((self.plant.time - self._take_began) * self.fps + 1e-6)

    @property
    def index(self) -> int:
        """Control periods since the bench was made."""
        return int(self.plant.time * self.fps + 1e-6)

    def advance(self, steps: int) -> None:
        """Advance the plant and the person by `steps` physics steps."""
        self._check_stuck()
        self._demonstrator.advance(steps * self.plant.timestep, self._locate_cube)
        self.plant.step(steps)
        if self._put_back is not None and self._demonstrator.at_home:
            self._spawn(self._put_back)
            self._put_back = None

    def _locate_cube(self) -> Cube:
        x, y = self.plant.cube[:2]
        return Cube(float(x), float(y), self.plant.cube_yaw)

    def _spawn(self, take: int) -> None:
        self.plant.place_cube(*spawn_pose(self.settings.seed, take))
        self._spawned_for: int | None = take

    # --- takes ----------------------------------------------------------------------------------

    def take_started(self, take: int) -> None:
        """Place the cube for `take` and begin the demonstration from the leader's pose."""
        if self.taking and take == self.take:
            return
        if self._spawned_for != take:
            self._spawn(take)
        self._spawned_for, self._put_back = None, None
        self.take, self.taking = take, True
        self._take_began = self.plant.time
        self._demonstrator.demonstrate(take)

    def take_ended(self, take: int) -> None:
        """Send the leader home; once it is there, the cube is placed for the next take."""
        if not self.taking or take != self.take:
            return
        self.taking = False
        self._put_back = take + 1
        self._demonstrator.go_home()

    def lay(self, x: float, y: float, yaw: float) -> None:
        """Lay the cube at (x, y) metres, turned by `yaw` degrees; it stays there until the next take begins."""
        self._put_back = None
        self.plant.place_cube(x, y, yaw)

    # --- devices --------------------------------------------------------------------------------

    def joints(self) -> Pose:
        """The follower's measured pose. Raises DeviceFault if one is configured."""
        self._check("follower")
        return self.plant.joints

    def leader(self) -> Pose:
        """The leader's pose. Raises DeviceFault if one is configured."""
        self._check("leader")
        return self._demonstrator.pose

    def command(self, goals: Sequence[float | None]) -> None:
        """New goals, None for a joint that keeps its own; clipped to the limits and kept in the log.

        Raises ValueError unless there are six of them and all are finite.
        """
        self._check("follower")
        if not all(goal is None or isfinite(goal) for goal in goals):
            raise ValueError(f"goals must be finite, not {list(goals)}")
        merged = [old if new is None else new for old, new in zip(self._requested, goals, strict=True)]
        self._requested = clip(np.array(merged, dtype=np.float64))
        self._log.append(GoalRecord(time.monotonic_ns(), tuple(self._requested.tolist())))
        if not self._stuck:
            self.plant.goals = self._requested

    def set_torque(self, *, on: bool) -> None:
        """All motors on or off."""
        self.plant.set_torque(on=on)

    def set_motors(self, *, on: Sequence[bool], gain: Sequence[float], limit: Sequence[float]) -> None:
        """Each motor by itself; see Plant.set_motors."""
        self.plant.set_motors(on, gain, limit)

    def drive(self, goals: Pose) -> None:
        """Where the motors pull to, unlogged. A stuck follower keeps its place."""
        self._requested = clip(goals)
        if not self._stuck:
            self.plant.goals = self._requested

    def goal_log(self, count: int) -> tuple[GoalRecord, ...]:
        """The last `count` commands (at most GOALS_KEPT), oldest first."""
        return tuple(self._log)[-count:] if count > 0 else ()

    def state(self) -> WorldState:
        """The whole current state; faults do not affect it."""
        plant = self.plant
        return WorldState(
            time=plant.time,
            joints=tuple(plant.joints.tolist()),
            goals=tuple(self._requested.tolist()),
            torque=plant.torque,
            leader=tuple(self._demonstrator.pose.tolist()),
            cube=tuple(plant.cube.tolist()),
            cube_yaw=plant.cube_yaw,
            cube_in_bowl=plant.cube_in_bowl,
            take=self.take,
            taking=self.taking,
            frame=self.frame,
            leader_home=self._demonstrator.at_home,
            leader_finished=self._demonstrator.finished,
        )

    @property
    def hand(self) -> Pose:
        """Where the scripted person has the leader, whatever fault it has."""
        return self._demonstrator.pose

    def failing(self, device: str) -> Fault | None:
        """The fault because of which the device fails now."""
        return self.settings.fault(device, ("raise",), self.take, self.frame)

    def _check(self, device: str) -> None:
        fault = self.failing(device)
        if fault is not None:
            raise DeviceFault(f"the simulated {device} failed: {fault.message}")

    def _check_stuck(self) -> None:
        stuck = self.settings.fault("follower", ("stuck",), self.take, self.frame) is not None
        if stuck != self._stuck:
            self._stuck = stuck
            self.plant.goals = self.plant.joints if stuck else self._requested

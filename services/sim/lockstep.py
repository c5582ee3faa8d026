"""The bench in the worker's own process: time passes only when goals are sent, one control period each."""

from __future__ import annotations

import time
from collections.abc import Sequence

import mujoco
import numpy as np

from services.sim.client import Camera
from services.sim.feed import CameraFeed
from services.sim.painter import Painter
from services.sim.settings import SimSettings
from services.sim.stage import Stage
from services.sim.wire import DeviceFault, Frame, GoalRecord, WorldState


class LockstepWorld:
    """WorldClient's verbs over a stage in this process; the same seed gives the same observations."""

    def __init__(self, settings: SimSettings, fps: int) -> None:
        self.stage = Stage(settings, fps, lockstep=True)

    def joints(self) -> tuple[float, ...]:
        """The follower's measured pose."""
        return tuple(self.stage.joints().tolist())

    def leader(self) -> tuple[float, ...]:
        """The leader's pose."""
        return tuple(self.stage.leader().tolist())

    def command(self, goals: Sequence[float | None]) -> None:
        """Set goals and advance by one control period."""
        self.stage.command(goals)
        self.stage.advance(self.stage.plant.steps_per_period)

    def set_torque(self, on: bool) -> None:
        """All of the follower's motors on or off."""
        self.stage.set_torque(on=on)

    def take_started(self, take: int) -> None:
        """Tell the scripted person that take `take` (from 1) has begun."""
        self.stage.take_started(take)

    def take_ended(self, take: int) -> None:
        """Tell the scripted person that the take has ended."""
        self.stage.take_ended(take)

    def lay(self, x: float, y: float, yaw: float) -> None:
        """Lay the cube there: metres and degrees."""
        self.stage.lay(x, y, yaw)

    def state(self) -> WorldState:
        """The bench's current state."""
        return self.stage.state()

    def goal_log(self, count: int) -> tuple[GoalRecord, ...]:
        """The last `count` commands, oldest first."""
        return self.stage.goal_log(count)

    def camera(self, view: str, width: int, height: int) -> Camera:
        """Open a camera; it paints on demand, at most once per control period."""
        return _LocalCamera(self.stage, view, width, height)

    def close(self) -> None:
        """Do nothing: the bench belongs to this process."""


class _LocalCamera:
    def __init__(self, stage: Stage, view: str, width: int, height: int) -> None:
        self._stage = stage
        self._painter = Painter(stage.plant.model, view, width, height)
        self._feed = CameraFeed(view, stage.settings, stage.fps)
        self._view = view
        self._at = -1
        self._last: Frame | None = None
        self._broken: DeviceFault | None = None

    def latest(self) -> tuple[Frame, int] | None:
        if self._at != self._stage.index:
            self._at = self._stage.index
            self._broken = None
            try:
                picture = self._feed.next(self._paint, self._at, self._stage.take, self._stage.frame)
            except DeviceFault as error:
                self._broken = error
            else:
                self._last = self._last if picture is None else picture
        if self._broken is not None:
            raise self._broken
        return None if self._last is None else (np.array(self._last), time.monotonic_ns())

    def newest(self) -> int:
        return self._stage.index + 1

    def close(self) -> None:
        pass

    def _paint(self, index: int) -> Frame:
        plant = self._stage.plant
        mujoco.mj_kinematics(plant.model, plant.data)
        mujoco.mj_camlight(plant.model, plant.data)
        return self._painter.paint(plant.data, index)

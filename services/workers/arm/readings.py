"""What robot and leader report each period. A reading that fails for a moment is bridged by the last good one.

A leader's or a camera's last reading stands in for GRACE_S (`device_guard`) at most. A follower's state has no
stand-in: while it cannot be read nothing is sent, so the arm keeps its last goal, and nothing is recorded. Either way
the take is flagged (`lapses`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.workers.arm.arm import Arm
from services.workers.arm.camera_return import CameraReturn
from services.workers.arm.camera_trouble import CameraTrouble, camera_trouble, stopped_for_good
from services.workers.arm.device_guard import DeviceGuard
from services.workers.arm.lapses import Lapses
from services.workers.arm.motion import Pose
from services.workers.arm.serial_bus import NoAnswer, Unplugged

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

STALE_S = 0.1
"""A picture older than this, and than two of its camera's intervals, counts as missed: LeRobot's cameras go on giving
their last one for half a second (0.6.1, cameras/opencv, `read_latest`)."""


class Readings:
    """Belongs to the control loop's thread."""

    def __init__(self, devices: Devices, arm: Arm, guard: DeviceGuard, lapses: Lapses) -> None:
        self._devices, self._arm, self._guard, self._lapses = devices, arm, guard, lapses
        self._observation: dict[str, Any] | None = None
        self._leader: Pose | None = None
        self.cameras = CameraReturn(devices)
        """What opens cameras again that stopped for good."""
        self.frames: dict[str, Any] = {}
        """This period's pictures by camera, none that stands in for another."""

    def leader(self) -> Pose | None:
        """The leader's pose; {} without a leader, None if it cannot be read."""
        teleop = self._devices.teleop
        if teleop is None:
            return {}
        action = self._guard.read("leader", teleop.get_action)
        if action is not None:
            self._leader = self._arm.pose_of(action)
        elif self._guard.failing("leader"):
            self._leader = None
        return self._leader

    def observe(self) -> tuple[dict[str, Any] | None, Pose | None]:
        """The observation and the measured pose, each None if unreadable; a dead camera costs only the observation."""
        self.cameras.put_back()
        observation, pose = self._observe()
        failing = self._guard.failing("observation") or self._guard.failing("follower")
        self._observation = None if failing else observation or self._observation  # after an alarm none stands in
        return observation, pose

    def _observe(self) -> tuple[dict[str, Any] | None, Pose | None]:
        guard, arm = self._guard, self._arm
        try:
            observation: dict[str, Any] = self._devices.robot.get_observation()
        except (NoAnswer, Unplugged) as error:  # asked again and again already
            self.frames = {}
            guard.miss("follower", error)
            return None, None
        except Exception as error:  # drivers may raise anything
            self.frames = {}
            pose = guard.read("follower", arm.measure)
            return (None if pose is None else self._without_pictures(error, pose)), pose
        guard.mark_working("follower")
        self.frames = {n: observation[n] for n in self._devices.cameras if n in observation}
        if self.cameras.missing:
            guard.mark_failed("observation", self.cameras.trouble)
            return None, arm.pose_of(observation)
        guard.mark_working("observation")
        for name in stale(self._devices.cameras, time.perf_counter()):
            self._lapses.miss(name)
        return observation, arm.pose_of(observation)

    def _without_pictures(self, error: Exception, pose: Pose) -> dict[str, Any] | None:
        """The observation with the last pictures, as long as that may be."""
        guard = self._guard
        if not guard.failing("observation") or stopped_for_good(error):
            self._note_silent_camera(error)
        if self._observation is None or guard.failing("observation"):
            return None
        return self._observation | {f"{name}.pos": value for name, value in pose.items()}

    def _note_silent_camera(self, error: Exception) -> None:
        trouble, camera = camera_trouble(self._devices.cameras, error), ""
        if isinstance(trouble, CameraTrouble):
            camera = trouble.camera
            if trouble.lasting:
                self.cameras.search(camera, trouble.why)
                trouble = self.cameras.trouble
        self._guard.miss("observation", trouble, device=camera)


def stale(cameras: Mapping[str, Any], now: float) -> list[str]:
    """The cameras whose newest picture is too old; `now` in seconds of `time.perf_counter`.

    Only cameras that say when they took it do, as LeRobot's own (`latest_timestamp`).
    """
    found = []
    for name, camera in cameras.items():
        taken, fps = getattr(camera, "latest_timestamp", None), getattr(camera, "fps", None)
        if isinstance(taken, float) and now - taken > max(STALE_S, 2 / fps if fps else 0.0):
            found.append(name)
    return found

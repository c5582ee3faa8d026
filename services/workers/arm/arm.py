"""The motion state machine of one arm: hold, align, follow, go, rest, release; each tick returns the next goal.

Poses map motor names to degrees (the gripper to 0..100).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Motion
from services.workers.arm.motion import Pose, distance, rest_path, speed_limits, step_towards

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

SETTLE_S = 1.5
"""Seconds a way-point may take to be reached after its goal was sent; then the next one is tried."""
LAG = 15.0
"""Degrees the arm may lag its goal; beyond this the goal waits, so that a blocked arm does not leap when freed."""
TRIES = 3
"""Reads of a pose before the bus counts as failing: a serial bus loses a packet now and then."""


class Mode(Enum):
    """What the arm does."""

    HOLD = auto()
    ALIGN = auto()
    FOLLOW = auto()
    GO = auto()
    REST = auto()
    LIMP = auto()


class Arm:
    """Commands one robot, on the control loop's thread only. `guide` names what it follows, as shown to people.

    Every goal that the arm moves to by itself is at most one speed-limited step from the goal before, and
    the first is one step from the measured pose.
    """

    def __init__(self, devices: Devices, motion: Motion, fps: int, *, guide: str = "the leader") -> None:
        self.devices, self.motion, self.guide = devices, motion, guide
        self.mode = Mode.HOLD
        self.goal: Pose = {}
        self.leader: Pose = {}
        self.limits = speed_limits(motion, devices.motors, fps)
        self.trouble = ""
        self.unheld = False
        self._settle = max(1, round(SETTLE_S * fps))
        self._waited = 0
        self._path: list[Pose] = []

    # --- commands ---------------------------------------------------------------------------------

    def hold(self) -> None:
        """Set the goal to the measured pose at once.

        Raises what the bus raises; the mode is HOLD even then, and `unheld` stays set until a tick succeeds.
        """
        self._path = []
        if self.mode is not Mode.LIMP:
            self.mode, self.unheld = Mode.HOLD, True
            self.goal = self.measure()
            self.send(self.goal)
            self.unheld = False

    def align(self, measured: Pose) -> None:
        """Ramp to the leader, then follow it."""
        self._ensure_torque(measured)
        self.mode, self.goal, self._waited, self.trouble = Mode.ALIGN, dict(measured), 0, ""

    def follow(self) -> None:
        """Follow from the next tick on. The caller has checked that the guide agrees with the goal."""
        self.mode, self.trouble = Mode.FOLLOW, ""

    def rest(self, measured: Pose) -> None:
        """Ramp along the path to rest, then hold there. Raises KeyError for a rest pose of another robot."""
        self._begin(Mode.REST, measured, rest_path(measured, self.motion))

    def go(self, measured: Pose, path: list[Pose]) -> None:
        """Ramp along `path`, then hold at its end (`arrived`)."""
        self._begin(Mode.GO, measured, list(path))

    def _begin(self, mode: Mode, measured: Pose, path: list[Pose]) -> None:
        self._path = path
        self._ensure_torque(measured)
        self.mode, self.goal, self._waited, self.trouble = mode, dict(measured), 0, ""

    def cut_torque(self) -> None:
        """Cut torque; the caller has lowered the arm. Raises AttributeError if the robot cannot cut torque."""
        bus = getattr(self.devices.robot, "bus", None)
        if bus is None or not hasattr(bus, "disable_torque"):
            raise AttributeError(f"{self.devices.robot.name} has no motors bus that can cut torque")
        bus.disable_torque()
        self.mode = Mode.LIMP

    @property
    def can_rest(self) -> bool:
        """Whether a rest pose is taught."""
        return bool(self.motion.rest)

    @property
    def at_rest(self) -> bool:
        """Whether the path to rest is complete; the last pose counts only once the arm is measured there."""
        return self.mode is Mode.REST and not self._path

    @property
    def arrived(self) -> bool:
        """Whether the path given to `go` is complete."""
        return self.mode is Mode.GO and not self._path

    def measure(self) -> Pose:
        """The pose, measured now; does not read cameras if the robot allows it. Raises what the driver raises."""
        for tries_left in reversed(range(TRIES)):
            try:
                return self._read()
            except Exception:  # drivers may raise anything
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _read(self) -> Pose:
        bus = getattr(self.devices.robot, "bus", None)
        if bus is not None and hasattr(bus, "sync_read"):
            return {n: float(v) for n, v in bus.sync_read("Present_Position").items()}
        return self.pose_of(self.devices.robot.get_observation())

    def pose_of(self, values: dict[str, Any]) -> Pose:
        """The motors' part of an observation or action."""
        return {n: float(values[f"{n}.pos"]) for n in self.devices.motors}

    def send(self, goal: Pose) -> None:
        """Command the robot."""
        self.devices.robot.send_action({f"{n}.pos": v for n, v in goal.items()})

    # --- each control period ----------------------------------------------------------------------

    def tick(self, measured: Pose, leader: Pose) -> Pose | None:
        """Return the goal of this period; None without torque. Changes the mode when a motion completes."""
        self.leader = leader
        if self.mode is Mode.HOLD and (self.unheld or not self.goal):
            self.goal, self.unheld = dict(measured), False
        step: Callable[[Pose], None] = {
            Mode.ALIGN: self._align,
            Mode.FOLLOW: self._follow,
            Mode.GO: self._go,
            Mode.REST: self._go,
        }.get(self.mode, lambda _: None)
        step(measured)
        return None if self.mode is Mode.LIMP else self.goal

    def _align(self, measured: Pose) -> None:
        if self._blocked(measured):
            return
        self.goal = step_towards(self.goal, self.leader, self.limits)
        if distance(self.leader, self.goal)[0] > 0:
            self._waited = 0
            return
        self._waited += 1
        lag, name = distance(self.leader, measured, but=self.motion.gripper)  # the gripper may hold something
        if lag <= 2 * self.motion.agree_within:
            self.mode, self.trouble = Mode.FOLLOW, ""
        elif self._waited > self._settle:
            self.trouble = f"the follower stays {lag:.0f} degrees behind {self.guide} at {name}"

    def _follow(self, measured: Pose) -> None:
        leap, name = distance(self.leader, self.goal, but=self.motion.gripper)
        if leap > self.motion.jump_limit:
            self.align(measured)
            self.trouble = f"{self.guide} jumped {leap:.0f} degrees at {name}"
            return
        self.trouble = ""
        self.goal = dict(self.leader)

    def _go(self, measured: Pose) -> None:
        if not self._path:
            return
        if self._blocked(measured):
            if len(self._path) > 1 and self.trouble:  # unreachable way-point: skip it
                self._path.pop(0)
                self.goal, self._waited, self.trouble = dict(measured), 0, ""
            return
        target = self._path[0]
        self.goal = step_towards(self.goal, target, self.limits)
        if distance(self.goal, target)[0] > 1e-6:
            self._waited = 0
            return
        self._waited += 1
        off, name = distance(measured, target, but=self.motion.gripper)
        on_the_way = len(self._path) > 1
        near = self.motion.agree_within * (2 if self.mode is Mode.GO else 1)
        if off <= near or (on_the_way and self._waited > self._settle):
            self._path.pop(0)
            self._waited, self.trouble = 0, ""
        elif self._waited > 2 * self._settle:
            where = "rest" if self.mode is Mode.REST else "where it should begin"
            self.trouble = f"the arm does not reach {where}: {name} stays {off:.0f} degrees off"

    def _blocked(self, measured: Pose) -> bool:
        """Whether the arm lags its goal so far that the goal has to wait."""
        lag, name = distance(self.goal, measured, but=self.motion.gripper)
        if lag <= LAG:
            return False
        self._waited += 1
        if self._waited > self._settle:
            self.trouble = f"the arm does not come along: {name} is {lag:.0f} degrees behind the goal"
        return True

    def _ensure_torque(self, measured: Pose) -> None:
        """Enable torque again after a release, holding."""
        if self.mode is Mode.LIMP:
            self.send(measured)
            self.devices.robot.bus.enable_torque()

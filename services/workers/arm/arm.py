"""The motion state machine of one arm: hold, align, follow, go, rest, release; each tick returns the next goal.

Poses map motor names to degrees (the gripper to 0..100).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Motion
from services.workers.arm.motion import Pose, distance, follow_limits, rest_path, speed_limits, step_each, step_towards
from services.workers.arm.motors import Motors, TorqueProblem
from services.workers.arm.parts import buses_of
from services.workers.arm.serial_bus import NoAnswer, Unplugged
from services.workers.arm.stance import Stance

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
    """Torque was cut on purpose."""
    LOST = auto()
    """Some or all motors lost their torque by themselves; nothing is sent until somebody has it hold again."""


class Arm:
    """Commands one robot, on the control loop's thread only. `guide` names what it follows, as shown to people.

    Every goal that the arm moves to by itself is at most one speed-limited step from the goal before, and
    the first is one step from where the arm stands: its goal where it is near it, else its measured pose (`Stance`).
    """

    def __init__(self, devices: Devices, motion: Motion, fps: int, *, guide: str = "the leader") -> None:
        self.devices, self.motion, self.guide = devices, motion, guide
        self.motors = Motors(devices.robot)
        self.mode = Mode.HOLD
        self.goal: Pose = {}
        self.leader: Pose = {}
        self._led: Pose = {}
        """Where the leader was in the period before."""
        self.limits = speed_limits(motion, devices.motors, fps)
        self._follow_limits = follow_limits(motion, devices.motors, fps)
        self.trouble = ""
        self.unheld = False
        self._stance = Stance(motion.gripper, fps)
        self._settle = max(1, round(SETTLE_S * fps))
        self._waited = 0
        self._path: list[Pose] = []

    # --- commands ---------------------------------------------------------------------------------

    def adopt(self, goal: Pose) -> None:
        """Hold at the goals that the motors have already; nothing is sent."""
        self.mode, self.goal, self.unheld, self._path = Mode.HOLD, dict(goal), False, []

    def hold(self) -> None:
        """Stay where the arm stands, at once; without torque nothing is sent.

        Raises what the bus raises; the mode is HOLD even then, and `unheld` stays set until a tick succeeds.
        """
        self._path = []
        if self.has_torque:
            self.mode, self.unheld = Mode.HOLD, True
            self.goal = self._stance.at(self.goal, self.measure())
            self.send(self.goal)
            self.unheld = False

    def hold_again(self) -> None:
        """Hold after a loss of torque: goal := measured where it was lost, then torque on.

        Raises TorqueProblem where some motors stay limp, and what the bus raises.
        """
        measured = self.measure()
        lost = self.motors.torque()
        self._grip(measured, lost.named(False) + lost.named(None))
        goal = self.motors.goal() or self._stance.at(self.goal, measured)
        self.adopt(goal)

    def lost_torque(self) -> bool:
        """Read the torque; whether it is gone since the last time, anywhere."""
        torque = self.motors.torque()
        if not self.has_torque or not torque.named(False):
            return False
        self.mode, self._path = Mode.LOST, []
        return True

    def note(self, measured: Pose) -> None:
        """How the arm stands, in a period without a tick."""
        self._stance.note(measured)

    @property
    def learn_stance(self) -> int:
        """Periods after which it is known whether the gripper squeezes or moves."""
        return self._stance.periods

    @property
    def has_torque(self) -> bool:
        """Whether the arm should have torque, as far as is known."""
        return self.mode not in (Mode.LIMP, Mode.LOST)

    def align(self, measured: Pose) -> None:
        """Ramp to the leader, then follow it."""
        self.goal = self._start(measured)
        self.mode, self._waited, self.trouble = Mode.ALIGN, 0, ""

    def follow(self) -> None:
        """Follow from the next tick on. The caller has checked that the guide agrees with the goal."""
        self.mode, self.trouble, self.leader = Mode.FOLLOW, "", dict(self.goal)

    def rest(self, measured: Pose) -> None:
        """Ramp along the path to rest, then hold there. Raises KeyError for a rest pose of another robot."""
        self._begin(Mode.REST, measured, rest_path(measured, self.motion))

    def go(self, measured: Pose, path: list[Pose]) -> None:
        """Ramp along `path`, then hold at its end (`arrived`)."""
        self._begin(Mode.GO, measured, list(path))

    def _begin(self, mode: Mode, measured: Pose, path: list[Pose]) -> None:
        self.goal = self._start(measured)
        self._path = path
        self.mode, self._waited, self.trouble = mode, 0, ""

    def cut_torque(self) -> None:
        """Cut torque. The caller has lowered the arm first.

        Raises AttributeError where the robot has no such way, TorqueProblem where some motors did not obey.
        """
        torque = self.motors.switch_off()
        if torque.all_off:
            self.mode = Mode.LIMP
            return
        if torque.named(False):
            self.mode = Mode.LOST
        raise TorqueProblem(f"torque could not be cut: {torque.words}")

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
        """The pose of every arm, measured now; reads no camera. Raises what the driver raises."""
        for tries_left in reversed(range(TRIES)):
            try:
                return self._read()
            except (NoAnswer, Unplugged):  # asked again and again already
                raise
            except Exception:  # drivers may raise anything
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _read(self) -> Pose:
        buses = buses_of(self.devices.robot).items()
        return {f"{p}{n}": float(v) for p, bus in buses for n, v in bus.sync_read("Present_Position").items()}

    def pose_of(self, values: dict[str, Any]) -> Pose:
        """The motors' part of an observation or action."""
        return {n: float(values[f"{n}.pos"]) for n in self.devices.motors}

    def send(self, goal: Pose) -> None:
        """Command the robot."""
        self.devices.robot.send_action({f"{n}.pos": v for n, v in goal.items()})

    # --- each control period ----------------------------------------------------------------------

    def tick(self, measured: Pose, leader: Pose) -> Pose | None:
        """Return the goal of this period; None without torque. Changes the mode when a motion completes."""
        self._led, self.leader = self.leader, leader
        self._stance.note(measured)
        if self.mode is Mode.HOLD and (self.unheld or not self.goal):
            self.goal, self.unheld = self._stance.at(self.goal, measured), False
        step: Callable[[Pose], None] = {
            Mode.ALIGN: self._align,
            Mode.FOLLOW: self._follow,
            Mode.GO: self._go,
            Mode.REST: self._go,
        }.get(self.mode, lambda _: None)
        step(measured)
        return self.goal if self.has_torque else None

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
        leap, name = distance(self.leader, self._led, but=self.motion.gripper)
        if leap > self.motion.jump_limit:
            self.align(measured)
            self.trouble = f"{self.guide} jumped {leap:.0f} degrees at {name}"
            return
        self.trouble = ""
        self.goal = step_each(self.goal, self.leader, self._follow_limits)

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
        if distance(self.goal, target)[0] > 0:
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

    def _start(self, measured: Pose) -> Pose:
        """Where a move begins; torque comes on again after a release, holding. Raises TorqueProblem."""
        if self.has_torque:
            return self._stance.at(self.goal, measured)
        self._grip(measured, None)
        return dict(measured)

    def _grip(self, measured: Pose, names: list[str] | None) -> None:
        """Torque on without a jump. Raises TorqueProblem; the mode is LOST then."""
        if not self.motors.one_by_one:
            self.send(measured)
        torque = self.motors.grip(names)
        if not torque.all_on:
            self.mode = Mode.LOST if torque.named(True) else self.mode
            raise TorqueProblem(f"torque did not come on everywhere: {torque.words}")

"""The simulated bench's two arms as chains of servos: MuJoCo moves the follower, the scripted hand the leader."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.sim.arm import JOINTS, LOWER, UPPER, Pose
from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.calibration import write_calibration
from services.sim.servos.emulator import EmulatedArm, Emulator
from services.sim.servos.plant import SPEED, Drive, HandPlant, Measured, Ticks
from services.sim.settings import BusSettings
from services.sim.stage import Stage
from services.sim.wire import GoalRecord

FOLLOWER, LEADER = "follower", "leader"
CALIBRATION = "calibration"
TICKS_PER_DEGREE = 4095 / 360
"""LeRobot's (0.6.1, motors/motors_bus.py): `max_res` is the resolution less one."""
MIDDLE = 2047
FULL_TURN = (0, 4095)
GRIPPER_RANGE = (2030, 3480)
"""Ticks of the closed and the open gripper, about those of a real SO-101."""
P_GAIN = 16
"""The P gain that LeRobot's so_follower writes, and at which the model's motors are as stiff as it makes them."""
LOGS = "LAB_CONSOLE_SERVO_LOGS"
"""Environment variable for tests: the folder in which every packet of both arms is logged."""
FULL = 1000
"""Torque limit and load, in thousandths."""
HEARD_S = 2.0
SILENT_S = 0.1

_GRIPPER = JOINTS.index("gripper")


def _ranges() -> dict[int, tuple[int, int]]:
    """Each servo's calibrated range; its middle is 0 degrees. As `lerobot-calibrate` does, wrist_roll has all."""
    found = {}
    for at, name in enumerate(JOINTS):
        reach = round(max(-LOWER[at], UPPER[at]) * TICKS_PER_DEGREE)
        found[at + 1] = (MIDDLE - reach, MIDDLE + reach)
        if name == "wrist_roll":
            found[at + 1] = FULL_TURN
    found[_GRIPPER + 1] = GRIPPER_RANGE
    return found


RANGES = _ranges()
LEADER_APART = 12
"""Ticks by which the leader's shafts sit elsewhere: no two arms are alike, and their calibrations tell them apart."""
LEADER_RANGES = {
    servo: (low + LEADER_APART, high + LEADER_APART) if (low, high) != FULL_TURN else FULL_TURN
    for servo, (low, high) in RANGES.items()
}
_ZERO = np.array([(low + high) / 2 for low, high in RANGES.values()])
_SCALE = np.full(len(JOINTS), TICKS_PER_DEGREE)
_ZERO[_GRIPPER], _SCALE[_GRIPPER] = GRIPPER_RANGE[0], (GRIPPER_RANGE[1] - GRIPPER_RANGE[0]) / 100


def ticks_of(pose: Pose) -> dict[int, float]:
    """Encoder ticks by servo of a pose in degrees and percent."""
    return dict(enumerate((_ZERO + pose * _SCALE).tolist(), start=1))


def pose_of(ticks: Mapping[int, float]) -> Pose:
    """The pose in degrees and percent of encoder ticks by servo."""
    return (np.array([ticks[at] for at in RANGES]) - _ZERO) / _SCALE


class StagePlant:
    """The follower's motors: what its servos ask for drives the stage, and what the stage measures they report.

    A servo's inner goal moves to the one that it was given no faster than its speed limit, and begins where the shaft
    is when its torque comes on. A hand moves joints that have no torque.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._drives: Mapping[int, Drive] = {}
        self._hand: dict[int, float] = {}
        self._on: NDArray[np.bool_] = np.zeros(len(JOINTS), dtype=bool)
        self._goals: Pose = np.zeros(len(JOINTS))
        self._speeds: Pose = np.zeros(len(JOINTS))
        self._inner: Pose = np.zeros(len(JOINTS))
        self._settled = False
        self._now = 0.0

    def put_by_hand(self, ticks: Ticks) -> None:
        """A hand has these servos there from now on, where they have no torque; none: it lets go."""
        self._hand, self._drives = dict(ticks), {}

    def advance(self, now: float, drives: Mapping[int, Drive]) -> Mapping[int, Measured]:
        """What the stage measures; its time is its own, and `apply` drives it."""
        ticks = (_ZERO + self._stage.plant.joints * _SCALE).tolist()
        loads = (self._stage.plant.loads * FULL).astype(int).tolist()
        return {
            servo: Measured(ticks[at], loads[at] if self._on[at] else 0) for at, servo in enumerate(RANGES) if drives
        }

    def apply(self, now: float, drives: Mapping[int, Drive]) -> None:
        """Drive the stage as the servos are driven now; call it before each step."""
        seconds, self._now = min(0.1, max(0.0, now - self._now)), now
        if drives is not self._drives:
            self._take_up(drives)
        elif self._settled and self._on.all():
            return
        most = self._speeds * seconds
        here = _ZERO + self._stage.plant.joints * _SCALE
        self._inner = np.where(self._on, self._inner + np.clip(self._goals - self._inner, -most, most), here)
        self._settled = bool((self._inner == self._goals).all())
        self._stage.drive((self._inner - _ZERO) / _SCALE)

    def _take_up(self, drives: Mapping[int, Drive]) -> None:
        """Other goals, torque, gains or limits than before."""
        self._drives = drives
        driven = [self._with_hand(servo, drives[servo]) for servo in RANGES]
        on = np.array([drive.on for drive in driven])
        self._inner = np.where(self._on, self._inner, _ZERO + self._stage.plant.joints * _SCALE)
        self._on = on
        self._goals = np.array([drive.goal for drive in driven], dtype=np.float64)
        self._speeds = np.array([drive.speed for drive in driven], dtype=np.float64)
        self._stage.set_motors(
            on=on.tolist(),
            gain=[drive.gain / P_GAIN for drive in driven],
            limit=[min(1.0, drive.limit / FULL) for drive in driven],
        )

    def _with_hand(self, servo: int, drive: Drive) -> Drive:
        if drive.on or servo not in self._hand:
            return drive
        return Drive(on=True, goal=self._hand[servo], gain=P_GAIN, speed=SPEED, limit=FULL)


class ServoArms:
    """Both arms behind pseudo-terminals in `folder`, served by the world's own loop. OSError without terminals."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage, self._plant = stage, StagePlant(stage)
        self._heard = 0.0
        self.emulator = Emulator(folder)
        torque = stage.plant.torque
        goals = ticks_of(stage.plant.goals)
        follower = self._add(FOLLOWER, self._plant)
        for servo, registers in follower.chain.servos.items():  # whoever drove the arm before: it goes on as it was
            registers.put(reg.GOAL_POSITION, round(goals[servo]))
            registers.put(reg.TORQUE_ENABLE, int(torque), 1)
        self._add(LEADER, HandPlant(self._leader(0.0), self._leader), LEADER_RANGES)
        self.advance(time.monotonic())

    def apply(self, bus: BusSettings) -> None:
        """Make the wire like this from now on."""
        self.emulator.latency_s, self.emulator.jitter_s = bus.latency_ms / 1000, bus.jitter_ms / 1000
        for name in self.emulator.arms:
            self.do(control.Loss(arm=name, drop=bus.lost, corrupt=bus.corrupt))

    def _add(
        self, name: str, plant: StagePlant | HandPlant, ranges: Mapping[int, tuple[int, int]] = RANGES
    ) -> EmulatedArm:
        logs = os.environ.get(LOGS)
        log = Path(logs) / f"{name}.log" if logs else None
        arm = self.emulator.add(name, leader=name == LEADER, plant=plant, ranges=ranges, log=log)
        write_calibration(arm, self.emulator.folder / CALIBRATION)
        return arm

    def _leader(self, _: float) -> dict[int, float]:
        ticks = ticks_of(self._stage.hand)
        return {servo: at + LEADER_RANGES[servo][0] - RANGES[servo][0] for servo, at in ticks.items()}

    @property
    def busy(self) -> bool:
        """Whether a host spoke lately."""
        return time.monotonic() - self._heard < HEARD_S

    def handle(self) -> None:
        """Answer the hosts that wrote."""
        if self.emulator.handle():
            self._heard = time.monotonic()

    def advance(self, now: float) -> None:
        """What the servos do now drives the stage's next steps; an arm whose fault is to fail falls silent."""
        for name, arm in self.emulator.arms.items():
            if self._stage.failing(name):
                arm.chain.faults.silent_until = now + SILENT_S
        self._plant.apply(now, self.emulator.arms[FOLLOWER].chain.drives(now))

    def goal_log(self, count: int) -> tuple[GoalRecord, ...]:
        """The last `count` goals that the follower's host sent, oldest first; of what the log of its packets keeps."""
        found, ticks = [], dict[int, float]()
        for said in self.emulator.arms[FOLLOWER].log.since():
            if written := said.values(reg.GOAL_POSITION, 2):
                ticks |= written
                if ticks.keys() >= RANGES.keys():
                    found.append(GoalRecord(int(said.at * 1e9), tuple(pose_of(ticks).tolist())))
        return tuple(found[-count:]) if count > 0 else ()

    def do(self, act: control.AnyAct) -> control.Stand:
        """As Emulator.do."""
        return self.emulator.do(act)

    def close(self) -> None:
        """The ports go; the arm stays as it is driven."""
        self.emulator.close()

"""Where an arm stands when it stops: no sequence of stops, sessions and rescues lowers a load or opens a grip."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sim import bench as simulated
from services.sim.servos.plant import Drive, SimplePlant
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.stance import NEAR, Stance
from sessions.bench import Motion

NAMES = ("shoulder_lift", "elbow_flex", "gripper")
FPS = 30
MOTION = Motion(max_joint_speed=90.0, max_gripper_speed=90.0)
MIDDLE = 2000.0
DEGREES = 360 / 4096


class SaggingRobot:
    """Three servos on a plant with loads; each goal that is sent takes a control period."""

    name = "sagging"

    def __init__(self, sag: dict[str, float]) -> None:
        self.plant = SimplePlant(dict.fromkeys(range(3), MIDDLE), now=1.0)
        self.plant.sag = {NAMES.index(name): degrees / DEGREES for name, degrees in sag.items()}
        self.goal = dict.fromkeys(NAMES, 0.0)
        self.now = 1.0
        self.bus = self
        self.motors = dict.fromkeys(NAMES)

    def sync_read(self, what: str) -> dict[str, float]:
        if what == "Torque_Enable":
            return dict.fromkeys(NAMES, 1.0)
        if what == "Goal_Position":
            return dict(self.goal)
        return {name: (self.plant.position[i] - MIDDLE) * DEGREES for i, name in enumerate(NAMES)}

    def send_action(self, action: dict[str, float]) -> None:
        self.goal = {name: action[f"{name}.pos"] for name in NAMES}
        self.wait(1)

    def wait(self, periods: int) -> None:
        for _ in range(periods):
            self.now += 1 / FPS
            drives = {
                i: Drive(on=True, goal=MIDDLE + self.goal[name] / DEGREES, gain=16, speed=3400, limit=10_000)
                for i, name in enumerate(NAMES)
            }
            self.plant.advance(self.now, drives)


def arm_of(robot: SaggingRobot) -> Arm:
    """A new session's arm, taken over as the robot has it."""
    devices: Any = SimpleNamespace(robot=robot, motors=list(NAMES))
    arm = Arm(devices, MOTION, FPS)
    goal = arm.motors.goal()
    assert goal is not None and not arm.lost_torque()
    arm.adopt(goal)
    return arm


def run(arm: Arm, robot: SaggingRobot, leader: dict[str, float], periods: int) -> None:
    for _ in range(periods):
        goal = arm.tick(arm.measure(), leader)
        assert goal is not None
        arm.send(goal)


def follow(arm: Arm, robot: SaggingRobot, leader: dict[str, float]) -> None:
    arm.align(arm.measure())
    for _ in range(200):
        run(arm, robot, leader, 1)
        if arm.mode is Mode.FOLLOW:
            break
    run(arm, robot, leader, 30)


sags = st.fixed_dictionaries({name: st.floats(-NEAR + 0.5, NEAR - 0.5) for name in NAMES[:2]})
poses = st.fixed_dictionaries({name: st.floats(-40, 40) for name in NAMES[:2]} | {"gripper": st.floats(0, 20)})
acts = st.lists(st.sampled_from(["stop", "stop twice", "session", "rescue", "follow", "wait"]), max_size=8)


@settings(max_examples=40, deadline=None)
@given(sag=sags, leader=poses, done=acts)
def test_no_sequence_of_stops_sessions_and_rescues_lowers_a_load(
    sag: dict[str, float], leader: dict[str, float], done: list[str]
) -> None:
    robot = SaggingRobot(sag)
    robot.plant.floor[2] = (MIDDLE + 25 / DEGREES, 4095.0)  # it holds an object of 25 percent
    robot.plant.position[2] = MIDDLE + 60 / DEGREES
    robot.goal["gripper"] = 60.0
    arm = arm_of(robot)
    motion_agrees = max(abs(v) for v in sag.values()) <= 2 * MOTION.agree_within
    arm.align(arm.measure())
    run(arm, robot, leader, 150)
    if motion_agrees:
        assert arm.mode is Mode.FOLLOW
    hangs = robot.sync_read("Present_Position")
    for act in [*done, "stop", "rescue"]:
        match act:
            case "stop" | "stop twice":
                for _ in act.split():
                    arm.hold()
            case "session":
                arm = arm_of(robot)
            case "rescue":
                arm = arm_of(robot)
                for _ in range(arm.learn_stance):
                    arm.note(arm.measure())
                arm.hold()
            case "follow" if motion_agrees:
                follow(arm, robot, leader)
        run(arm, robot, leader, 10)
        assert robot.sync_read("Present_Position") == pytest.approx(hangs, abs=0.1), act
        assert robot.goal["gripper"] == pytest.approx(leader["gripper"], abs=0.01)


def test_a_joint_far_from_its_goal_stands_where_it_is_measured() -> None:
    stance = Stance("gripper", FPS)
    assert stance.at({"a": 0.0, "b": 0.0}, {"a": 4.9, "b": -5.1, "c": 3.0}) == {"a": 0.0, "b": -5.1, "c": 3.0}


@pytest.mark.parametrize(
    ("lately", "goal", "stands"),
    [
        ([25.0] * 6, 10.0, 10.0),  # it squeezes
        ([55.0, 50.0, 45.0, 40.0, 35.0, 30.0], 10.0, 25.0),  # it closes
        ([25.0] * 6, 80.0, 25.0),  # it opens
        ([25.0] * 3, 10.0, 25.0),  # nobody knows yet
    ],
)
def test_only_a_gripper_that_stands_still_squeezes(lately: list[float], goal: float, stands: float) -> None:
    stance = Stance("gripper", FPS)
    for value in lately:
        stance.note({"gripper": value})
    assert stance.at({"gripper": goal}, {"gripper": 25.0}) == {"gripper": stands}


def test_on_the_simulated_bench_stops_and_sessions_keep_the_arm_where_it_is(tmp_path: Path) -> None:
    simulated.prepare(tmp_path, {}, lockstep=True, fps=FPS)
    from services.sim.config_devices import SimFollowerConfig
    from services.sim.devices import SimFollower

    robot = SimFollower(SimFollowerConfig(disable_torque_on_disconnect=False))
    robot.connect()
    devices: Any = SimpleNamespace(robot=robot, motors=list(robot.bus.motors))
    arm = Arm(devices, MOTION, FPS)
    arm.hold()
    leader = {**arm.goal, "shoulder_lift": 30.0, "elbow_flex": -20.0}  # stretched out: gravity pulls
    arm.align(arm.measure())
    for _ in range(150):
        arm.send(arm.tick(arm.measure(), leader) or {})
    hangs = arm.measure()
    assert max(abs(hangs[n] - arm.goal[n]) for n in hangs) > 0.05, "it sags a little"
    for _ in range(6):
        arm.hold()
        again = SimFollower(SimFollowerConfig(disable_torque_on_disconnect=False))
        again.connect()  # another session
        assert again.bus.sync_read("Goal_Position") == pytest.approx(arm.goal)
        for _ in range(10):
            arm.send(arm.tick(arm.measure(), leader) or {})
    assert arm.measure() == pytest.approx(hangs, abs=0.02)

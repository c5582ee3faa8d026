"""The arm by itself: no step above the joint speed limit, whatever pose it starts from."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bench.profiles import Motion
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.motion import rest_path, speed_limits, step_towards
from services.workers.arm.stance import NEAR

NAMES = ["shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"]
FPS = 30
MOTION = Motion(
    max_joint_speed=45.0,
    max_gripper_speed=80.0,
    lift={"shoulder_lift": -20.0},
    rest=dict.fromkeys(NAMES, 0.0) | {"shoulder_lift": -90.0, "elbow_flex": 85.0, "gripper": 10.0},
    waypoints=({"shoulder_lift": -60.0, "elbow_flex": 60.0},),
)
poses = st.fixed_dictionaries({n: st.floats(-170, 170) for n in NAMES[:5]} | {"gripper": st.floats(0, 100)})


class Robot:
    """A robot that reaches every goal within the period, or lags behind, and remembers what it was told."""

    name = "test_robot"

    def __init__(self, pose: dict[str, float], lag: float = 0.0) -> None:
        self.pose, self.lag = dict(pose), lag
        self.sent: list[dict[str, float]] = []
        self.torque = True
        self.bus = self
        self.action_features = {f"{n}.pos": float for n in NAMES}

    def sync_read(self, what: str) -> dict[str, float]:
        return dict.fromkeys(NAMES, float(self.torque)) if what == "Torque_Enable" else dict(self.pose)

    def enable_torque(self) -> None:
        self.torque = True

    def disable_torque(self) -> None:
        self.torque = False

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        goal = {n: action[f"{n}.pos"] for n in NAMES}
        self.sent.append(goal)
        self.pose = {n: self.pose[n] * self.lag + goal[n] * (1 - self.lag) for n in NAMES}
        return action


def make_arm(pose: dict[str, float], lag: float = 0.0) -> tuple[Arm, Robot]:
    robot = Robot(pose, lag)
    devices: Any = SimpleNamespace(robot=robot, motors=NAMES)
    return Arm(devices, MOTION, FPS), robot


def run(arm: Arm, robot: Robot, leader: dict[str, float], until: Mode | None, most: int = 2000) -> None:
    for _ in range(most):
        goal = arm.tick(arm.measure(), leader)
        assert goal is not None
        arm.send(goal)
        if arm.mode is until or (until is None and arm.at_rest):
            return
    pytest.fail(f"still {arm.mode} after {most} periods")


def assert_no_step_above_limit(start: dict[str, float], sent: list[dict[str, float]]) -> None:
    limits = speed_limits(MOTION, NAMES, FPS)
    for before, after in zip([start, *sent], sent, strict=False):
        for name in NAMES:
            assert abs(after[name] - before[name]) <= limits[name] * (1 + 1e-9) + 1e-9, name


@settings(max_examples=60, deadline=None)
@given(start=poses, leader=poses, lag=st.sampled_from([0.0, 0.4]))
def test_starting_to_follow_never_steps_above_the_speed_limit(
    start: dict[str, float], leader: dict[str, float], lag: float
) -> None:
    arm, robot = make_arm(start, lag)
    arm.align(arm.measure())
    run(arm, robot, leader, until=Mode.FOLLOW)
    assert_no_step_above_limit(start, robot.sent)
    assert robot.sent[-1] == pytest.approx(leader)


@settings(max_examples=60, deadline=None)
@given(start=poses, leader=poses, stop_after=st.integers(1, 60), moved=poses)
def test_resuming_after_a_stop_ramps_from_where_the_arm_is_now(
    start: dict[str, float], leader: dict[str, float], stop_after: int, moved: dict[str, float]
) -> None:
    arm, robot = make_arm(start)
    arm.align(arm.measure())
    for _ in range(stop_after):
        goal = arm.tick(arm.measure(), leader)
        assert goal is not None
        arm.send(goal)
    arm.hold()
    assert robot.sent[-1] == robot.pose
    held = robot.sent[-1]
    robot.pose, robot.sent = dict(moved), []  # pushed by hand while it held
    arm.align(arm.measure())
    run(arm, robot, leader, until=Mode.FOLLOW)
    begins = {n: held[n] if abs(held[n] - moved[n]) <= NEAR else moved[n] for n in NAMES}  # what it pulls towards
    assert_no_step_above_limit(begins, robot.sent)


# --- following -----------------------------------------------------------------------------------------


def following(pose: dict[str, float]) -> Arm:
    arm, _ = make_arm(pose)
    arm.goal = dict(pose)
    arm.follow()
    return arm


def test_a_leap_of_the_leader_below_the_jump_limit_is_followed_at_a_limited_speed() -> None:
    """20 degrees in one period are 600 degrees a second."""
    here = dict.fromkeys(NAMES, 10.0)
    arm = following(here)
    leader = here | {"elbow_flex": 30.0}
    sent = [arm.tick(here, leader) or {} for _ in range(3)]
    step = MOTION.max_follow_speed / FPS
    assert [pose["elbow_flex"] for pose in sent] == [pytest.approx(10.0 + step), 30.0, 30.0]
    assert arm.mode is Mode.FOLLOW


def test_a_fast_leader_is_followed_with_a_lag_and_is_no_jump() -> None:
    """600 degrees a second for half a second; the gripper closes meanwhile as fast as the trigger."""
    here = dict.fromkeys(NAMES, -90.0)
    arm = following(here)
    goals = []
    for period in range(1, 10):
        leader = here | {"wrist_roll": -90.0 + 20.0 * period, "gripper": 100.0 if period > 1 else -90.0}
        goals.append(arm.tick(here, leader) or {})
        assert arm.mode is Mode.FOLLOW, arm.trouble
        assert goals[-1]["gripper"] == leader["gripper"]
    steps = [b["wrist_roll"] - a["wrist_roll"] for a, b in pairwise(goals)]
    assert steps == pytest.approx([MOTION.max_follow_speed / FPS] * len(steps))


@given(speed=st.floats(-400, 400), grip=st.floats(0, 100))
def test_no_motion_of_a_hand_is_held_back(speed: float, grip: float) -> None:
    here = dict.fromkeys(NAMES, 0.0) | {"gripper": 100.0}
    arm = following(here)
    for period in range(1, 4):
        leader = dict.fromkeys(NAMES[:5], speed / FPS * period) | {"gripper": grip}
        assert arm.tick(here, leader) == leader, "the gripper closes as fast as the trigger"


@settings(max_examples=60, deadline=None)
@given(start=poses, lag=st.sampled_from([0.0, 0.4]))
def test_going_to_rest_never_steps_above_the_speed_limit_and_arrives(start: dict[str, float], lag: float) -> None:
    arm, robot = make_arm(start, lag)
    arm.rest(arm.measure())
    run(arm, robot, leader=start, until=None)
    assert_no_step_above_limit(start, robot.sent)
    assert robot.sent[-1] == pytest.approx(MOTION.rest)


@given(start=poses)
def test_the_way_to_rest_opens_the_gripper_then_lifts_then_moves(start: dict[str, float]) -> None:
    path = rest_path(start, MOTION)
    opening = [p for p in path if p["gripper"] >= MOTION.gripper_open]
    assert opening and path.index(opening[0]) == 0
    up = max(start["shoulder_lift"] - 20.0, min(start["shoulder_lift"], -90.0))
    lifted = next(p for p in path if p["shoulder_lift"] == pytest.approx(up))
    assert path.index(lifted) <= 1
    assert path[-1] == pytest.approx(MOTION.rest)


def test_an_arm_at_rest_stays_there() -> None:
    assert rest_path(dict(MOTION.rest), MOTION) == []


def test_a_rest_pose_of_another_robot_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="elbow_flex"):
        rest_path({"shoulder_pan": 0.0}, MOTION)


@given(goal=poses, target=poses)
def test_all_motors_arrive_together(goal: dict[str, float], target: dict[str, float]) -> None:
    limits = speed_limits(MOTION, NAMES, FPS)
    step = step_towards(goal, target, limits)
    shares = {n: (step[n] - goal[n]) / (target[n] - goal[n]) for n in NAMES if abs(target[n] - goal[n]) > 1e-6}
    if shares:
        assert max(shares.values()) == pytest.approx(min(shares.values()), abs=1e-6)


def test_a_leader_that_jumps_is_not_followed_but_approached() -> None:
    start = dict.fromkeys(NAMES, 0.0)
    arm, robot = make_arm(start)
    arm.align(arm.measure())
    run(arm, robot, start, until=Mode.FOLLOW)
    robot.sent = []
    jumped = start | {"wrist_flex": 100.0}
    arm.tick(arm.measure(), jumped)
    assert arm.mode is Mode.ALIGN
    assert "wrist_flex" in arm.trouble
    run(arm, robot, jumped, until=Mode.FOLLOW)
    assert_no_step_above_limit(start, robot.sent)


def test_twenty_stops_hold_one_pose_and_keep_torque() -> None:
    arm, robot = make_arm(dict.fromkeys(NAMES, 5.0))
    arm.align(arm.measure())
    for _ in range(20):
        arm.hold()
    assert arm.mode is Mode.HOLD
    assert robot.torque


def test_following_after_a_release_holds_before_torque_comes_back() -> None:
    arm, robot = make_arm(dict.fromkeys(NAMES, 0.0))
    arm.cut_torque()
    assert not robot.torque
    robot.pose = dict.fromkeys(NAMES, 30.0)  # moved by hand
    arm.align(arm.measure())
    assert robot.sent[-1] == robot.pose
    assert robot.torque


def test_a_stuck_follower_is_told_while_aligning() -> None:
    arm, _robot = make_arm(dict.fromkeys(NAMES, 0.0), lag=1.0)
    leader = dict.fromkeys(NAMES, 40.0)
    arm.align(arm.measure())
    for _ in range(200):
        arm.tick(arm.measure(), leader)
    assert arm.mode is Mode.ALIGN
    assert "does not come along" in arm.trouble
    assert max(arm.goal.values()) < 20, "the goal waits, so that a freed arm does not leap"


def test_an_arm_that_is_blocked_is_never_at_rest() -> None:
    arm, _robot = make_arm(dict.fromkeys(NAMES, 50.0), lag=1.0)
    arm.rest(arm.measure())
    for _ in range(1000):
        arm.tick(arm.measure(), arm.measure())
    assert not arm.at_rest
    assert arm.trouble


def test_a_hold_that_fails_is_made_up_for_by_the_next_tick() -> None:
    arm, robot = make_arm(dict.fromkeys(NAMES, 0.0))
    arm.align(arm.measure())
    run(arm, robot, dict.fromkeys(NAMES, 0.0), until=Mode.FOLLOW)
    arm.tick(arm.measure(), dict.fromkeys(NAMES, 5.0))
    read, robot.sync_read = robot.sync_read, broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="lost"):
        arm.hold()
    assert (arm.mode, arm.unheld) == (Mode.HOLD, True)
    robot.sync_read = read  # type: ignore[method-assign]
    robot.pose = dict.fromkeys(NAMES, -30.0)  # it fell meanwhile
    assert arm.tick(arm.measure(), dict.fromkeys(NAMES, 5.0)) == robot.pose
    assert not arm.unheld


def broken(what: str) -> dict[str, float]:
    raise OSError("packet lost")


def test_an_arm_that_hangs_at_a_stop_is_not_lifted_past_it() -> None:
    start = dict(MOTION.rest) | {"shoulder_lift": -100.0, "elbow_flex": 60.0}
    assert min(p["shoulder_lift"] for p in rest_path(start, MOTION)) == pytest.approx(-100.0)

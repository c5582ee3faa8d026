"""Motions of the arm by itself: ramps below the joint speed limit, paths to rest and start. Pure.

Poses map motor names to degrees (the gripper to 0..100), as LeRobot's motors bus gives them.
"""

from __future__ import annotations

from math import inf

from services.bench.profiles import Motion
from sessions.bench import is_gripper

Pose = dict[str, float]

REST_WITHIN = 10.0
"""An arm lies at rest, and its torque may be cut, within this many degrees of the taught rest pose."""


def speed_limits(motion: Motion, names: list[str], fps: int) -> Pose:
    """The largest step per control period of each motor, in its own unit."""
    return {
        name: (motion.max_gripper_speed if motion.is_gripper(name) else motion.max_joint_speed) / fps for name in names
    }


def follow_limits(motion: Motion, names: list[str], fps: int) -> Pose:
    """The same while the arm follows; a gripper closes as fast as the trigger."""
    return {name: inf if motion.is_gripper(name) else motion.max_follow_speed / fps for name in names}


def step_towards(goal: Pose, target: Pose, limits: Pose) -> Pose:
    """The next goal on the straight line (in joint space) from `goal` to `target`.

    No motor steps further than its limit, and all arrive together. Motors missing from `target` stay.
    """
    share = max((abs(target[n] - goal[n]) / limits[n] for n in goal if n in target), default=0.0)
    if share <= 1.0:
        return {n: target.get(n, goal[n]) for n in goal}
    return {n: goal[n] + (target.get(n, goal[n]) - goal[n]) / share for n in goal}


def step_each(goal: Pose, target: Pose, limits: Pose) -> Pose:
    """The next goal from `goal` to `target`, each motor by itself no further than its limit."""
    return {n: min(max(target.get(n, at), at - limits[n]), at + limits[n]) for n, at in goal.items()}


def distance(a: Pose, b: Pose, *, but: str = "") -> tuple[float, str]:
    """The largest difference between two poses and the motor that has it, the gripper `but` of each arm left out."""
    pairs = ((abs(a[n] - b[n]), n) for n in a if n in b and not is_gripper(n, but))
    return max(pairs, default=(0.0, ""))


def near_rest(pose: Pose, motion: Motion) -> bool:
    """Whether this is the taught rest pose, all but the gripper; False where none is taught or none was measured."""
    return bool(pose and motion.rest) and distance(pose, motion.rest, but=motion.gripper)[0] <= REST_WITHIN


def rest_path(measured: Pose, motion: Motion) -> list[Pose]:
    """Targets on the path to rest: open each gripper, lift, way-points, rest; empty if the arm is there already.

    Each target is a whole pose. Raises KeyError if the rest pose names a motor that the robot lacks.
    """
    unknown = sorted({n for pose in (motion.rest, motion.lift, *motion.waypoints) for n in pose} - set(measured))
    if unknown:
        raise KeyError(f"the rest pose names {', '.join(unknown)}, but the robot has {', '.join(measured)}")
    if not motion.rest or distance(measured, motion.rest)[0] <= motion.agree_within:
        return []
    path = [dict(measured)]
    closed = [n for n, value in measured.items() if motion.is_gripper(n) and value < motion.gripper_open]
    if closed:
        path.append(path[-1] | dict.fromkeys(closed, motion.gripper_open))
    if motion.lift:
        path.append(_lifted(path[-1], motion))
    for pose in (*motion.waypoints, motion.rest):
        path.append({**path[-1], **pose})
    return path[1:]


def start_path(measured: Pose, start: Pose, motion: Motion) -> list[Pose]:
    """Targets on the path to the start pose of trials: lift, the way-points to rest in reverse, then `start`.

    Empty if the arm is there already (gripper aside), or if `start` names no motor of the robot.
    """
    known = {name: value for name, value in start.items() if name in measured}
    if not known or distance(measured, known, but=motion.gripper)[0] <= motion.agree_within:
        return []
    path = [dict(measured)]
    at_rest = bool(motion.rest) and distance(measured, motion.rest, but=motion.gripper)[0] <= 2 * motion.agree_within
    if motion.lift and not at_rest:
        path.append(_lifted(path[-1], motion))
    for pose in (*reversed(motion.waypoints), known):
        path.append({**path[-1], **pose})
    return path[1:]


def _lifted(pose: Pose, motion: Motion) -> Pose:
    """`pose` with the lift added, each motor limited to the range that the path to rest visits anyway.

    An arm at a joint stop must not be sent past it.
    """
    visited = (pose, *motion.waypoints, motion.rest)
    lifted = {}
    for name, value in pose.items():
        known = [p[name] for p in visited if name in p]
        lifted[name] = min(max(value + motion.lift.get(name, 0.0), min(known)), max(known))
    return lifted

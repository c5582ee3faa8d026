"""Camera and motion checks: what is noticed, and how soon."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.health.cameras import CameraHealth, Sight
from services.health.motion import FollowerHealth

FPS = 30
random = np.random.default_rng(0)


def lit(noise: float = 2.0) -> NDArray[np.uint8]:
    picture = np.full((480, 640, 3), 120.0) + random.normal(0, noise, (480, 640, 3))
    return picture.clip(0, 255).astype(np.uint8)


def black() -> NDArray[np.uint8]:
    return random.integers(0, 6, (480, 640, 3), dtype=np.uint8)


def show(health: CameraHealth, frames: list[NDArray[np.uint8]], start: float = 0.0) -> list[tuple[float, Sight]]:
    changes = []
    for index, frame in enumerate(frames):
        now = start + index / FPS
        if health.look(frame, now):
            changes.append((now, health.sight))
    return changes


def test_a_lit_camera_raises_no_alarm() -> None:
    assert show(CameraHealth(fps=FPS), [lit() for _ in range(90)]) == []


def test_a_black_camera_is_noticed_within_a_second_and_since_its_first_black_frame() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    changes = show(health, [black() for _ in range(30)], start=2.0)
    assert [sight for _, sight in changes] == [Sight.BLACK]
    assert changes[0][0] - 2.0 < 1.0
    assert health.since == pytest.approx(2.0)


def test_a_frozen_camera_is_noticed_within_a_second() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    still = lit()
    changes = show(health, [still] * 30, start=2.0)
    assert [sight for _, sight in changes] == [Sight.FROZEN]
    assert changes[0][0] - 2.0 < 1.0


def test_a_camera_that_comes_back_is_lit_again() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [black() for _ in range(30)])
    changes = show(health, [lit() for _ in range(30)], start=1.0)
    assert [sight for _, sight in changes] == [Sight.LIT]


def test_a_slow_camera_is_noticed() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(90)])
    slow = [frame for _ in range(20) for frame in [lit()] * 6]  # 5 pictures a second
    changes = show(health, slow, start=3.0)
    assert Sight.SLOW in [sight for _, sight in changes]


def test_a_short_blackout_below_the_limit_is_let_pass() -> None:
    health = CameraHealth(fps=FPS)
    frames = [lit() for _ in range(30)] + [black() for _ in range(6)] + [lit() for _ in range(30)]
    assert show(health, frames) == []


def test_a_follower_that_lags_for_long_is_stuck_and_said_by_its_motor() -> None:
    health = FollowerHealth(tolerance=20, patience_s=1.0)
    goal, measured = {"a": 0.0, "b": 50.0, "gripper": 100.0}, {"a": 1.0, "b": 10.0, "gripper": 0.0}
    assert not health.look(goal, measured, 0.0, but="gripper")
    assert not health.look(goal, measured, 0.9, but="gripper")
    assert health.look(goal, measured, 1.1, but="gripper")
    assert health.stuck == "b"
    assert health.look(goal, goal, 1.2, but="gripper")
    assert health.stuck == ""


def test_a_gripper_that_holds_something_is_not_stuck() -> None:
    health = FollowerHealth()
    for second in range(5):
        assert not health.look({"a": 0.0, "gripper": 0.0}, {"a": 0.0, "gripper": 60.0}, float(second), but="gripper")

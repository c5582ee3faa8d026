"""Camera and motion checks: what is noticed, and how soon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.bench.profiles import ProfileProblem, apply_settings, load_benches
from services.health.bench_thresholds import check_thresholds
from services.health.cameras import LIT, CameraCheck, CameraHealth, Picture, judge_frames
from services.health.checks import REGISTERED, FrameRange, HealthProblem, Thresholds, register
from services.health.motion import Period, Stuck, StuckThresholds
from services.live import events as ev
from services.workers.arm.monitor import Monitor

FPS = 30
random = np.random.default_rng(0)
VALUES = 480 * 640 * 3
NOISE = random.normal(0, 1, VALUES + 100_000).astype(np.float32)


def lit(noise: float = 2.0) -> NDArray[np.uint8]:
    """Another piece of the noise each time: to draw a million values takes longer than all that is tested."""
    start = random.integers(NOISE.size - VALUES)
    picture = 120 + noise * NOISE[start : start + VALUES].reshape(480, 640, 3)
    return picture.clip(0, 255).astype(np.uint8)


def black() -> NDArray[np.uint8]:
    return random.integers(0, 6, (480, 640, 3), dtype=np.uint8)


def show(health: CameraHealth, frames: list[NDArray[np.uint8]], start: float = 0.0) -> list[tuple[float, str]]:
    changes = []
    for index, frame in enumerate(frames):
        now = start + index / FPS
        if health.update(frame, now):
            changes.append((now, health.state))
    return changes


def test_a_lit_camera_raises_no_alarm() -> None:
    assert show(CameraHealth(fps=FPS), [lit() for _ in range(90)]) == []


def test_a_black_camera_is_noticed_within_a_second_and_since_its_first_black_frame() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    changes = show(health, [black() for _ in range(30)], start=2.0)
    assert [state for _, state in changes] == ["black"]
    assert changes[0][0] - 2.0 < 1.0
    assert health.since == pytest.approx(2.0)


def test_a_frozen_camera_is_noticed_within_a_second() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    still = lit()
    changes = show(health, [still] * 30, start=2.0)
    assert [state for _, state in changes] == ["frozen"]
    assert changes[0][0] - 2.0 < 1.0


def test_a_camera_that_comes_back_is_lit_again() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [black() for _ in range(30)])
    changes = show(health, [lit() for _ in range(30)], start=1.0)
    assert [state for _, state in changes] == [LIT]


def test_a_slow_camera_is_noticed() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(90)])
    slow = [frame for _ in range(20) for frame in [lit()] * 6]  # 5 pictures a second
    changes = show(health, slow, start=3.0)
    assert "slow" in [state for _, state in changes]


def test_a_short_blackout_below_the_limit_is_let_pass() -> None:
    health = CameraHealth(fps=FPS)
    frames = [lit() for _ in range(30)] + [black() for _ in range(6)] + [lit() for _ in range(30)]
    assert show(health, frames) == []


def test_a_camera_that_flickers_does_not_raise_and_clear_with_every_picture() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    flicker = [black() if index % 20 else lit() for index in range(120)]
    assert [state for _, state in show(health, flicker, start=2.0)] == ["black"]


def test_a_camera_that_gives_one_picture_a_second_stays_frozen() -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    each_second = [frame for _ in range(5) for frame in [lit()] * 30]
    assert [state for _, state in show(health, each_second, start=2.0)] == ["frozen"]


@pytest.mark.parametrize("pictures", [3, 5, 10])
def test_a_frozen_camera_that_goes_on_slowly_is_slow(pictures: int) -> None:
    health = CameraHealth(fps=FPS)
    show(health, [lit() for _ in range(60)])
    show(health, [lit()] * 40, start=2.0)
    assert health.state == "frozen"
    show(health, [frame for _ in range(10 * pictures) for frame in [lit()] * (FPS // pictures)], start=3.4)
    assert health.state == "slow"


def test_the_range_of_a_frozen_camera_begins_with_its_first_repeat() -> None:
    frames = [lit() for _ in range(60)]
    frames += [frames[-1]] * 60 + [lit() for _ in range(60)]
    frozen = [found for found in judge_frames(frames, FPS) if found.check == "frozen"]
    assert [(found.start, found.stop) for found in frozen] == [(60, 120)]


def test_a_recorded_camera_is_judged_by_the_same_checks_in_ranges_of_frames() -> None:
    frames = [lit() for _ in range(40)] + [black() for _ in range(25)] + [lit() for _ in range(40)]
    assert judge_frames(frames, FPS) == (FrameRange("black", 40, 65),)
    assert judge_frames(frames[:60], FPS) == (FrameRange("black", 40, 60),)
    assert judge_frames(frames, FPS, {"black": {"raise_after_s": 2.0}}) == ()


def test_a_follower_that_lags_for_long_is_stuck_and_its_motor_is_named() -> None:
    check = Stuck(StuckThresholds(degrees=20, raise_after_s=1.0))
    goal, measured = {"a": 0.0, "b": 50.0, "gripper": 100.0}, {"a": 1.0, "b": 10.0, "gripper": 0.0}
    lags = Period(goal, measured, gripper="gripper")
    assert not check.update(lags, 0.0)
    assert not check.update(lags, 0.9)
    assert check.update(lags, 1.1)
    assert check.active and check.motor == "b" and "b is stuck" in check.text
    assert check.update(Period(goal, goal, gripper="gripper"), 1.2)
    assert not check.active


def test_a_gripper_that_holds_something_is_not_stuck() -> None:
    check = Stuck()
    squeezing = Period({"a": 0.0, "gripper": 0.0}, {"a": 0.0, "gripper": 60.0}, gripper="gripper")
    assert not any(check.update(squeezing, float(second)) for second in range(5))


# --- thresholds from lab.toml ---------------------------------------------------------------------


def test_a_bench_sets_its_own_thresholds() -> None:
    profile, _ = apply_settings(load_benches(built_in=True).pick("sim"), ["health.black.mean=200.0"])
    dim = [np.full((480, 640, 3), 30 + index % 2, dtype=np.uint8) for index in range(30)]
    assert [state for _, state in show(CameraHealth(FPS), dim)] == []
    assert [state for _, state in show(CameraHealth(FPS, profile.health), dim)] == ["black"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("health.blak.mean=1", "health.blak: no such check; there are: black, frozen, late, lossy, retried, "),
        ("health.black.men=1", "health.black: Object contains unknown field `men`"),
        ("health.stuck.degrees=-3", "health.stuck: degrees must be a number not below 0, not -3.0"),
        ("health.slow=fast", "health.slow must be a table such as"),
    ],
)
def test_thresholds_that_cannot_be_used_are_refused_with_their_key(setting: str, words: str) -> None:
    with pytest.raises(ProfileProblem) as caught:
        apply_settings(load_benches(built_in=True).pick("sim"), [setting])
    assert words in str(caught.value)


def test_a_lab_toml_with_a_bad_threshold_is_refused_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text('[bench.one.robot]\ntype = "x"\n[bench.one.health]\nblack = { mean = "dark" }\n')
    with pytest.raises(ProfileProblem, match=r"lab\.toml: bench\.one\.health\.black\.mean: Expected `float`"):
        load_benches(path)


# --- a new check ------------------------------------------------------------------------------------


class RedThresholds(Thresholds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    share: float = 0.5


class Red(CameraCheck):
    """A complete new check."""

    name = "red"
    defaults = RedThresholds()

    def bad_since(self, sample: Picture, now: float) -> float | None:
        assert isinstance(self.thresholds, RedThresholds)
        red = sample.pixels[..., 0].mean() / max(1.0, sample.pixels.mean() * 3)
        return now if red > self.thresholds.share else None


@pytest.fixture
def with_red() -> Iterator[None]:
    register(Red)
    yield
    REGISTERED.remove(Red)


def reddish() -> NDArray[np.uint8]:
    picture = lit()
    picture[..., 1:] //= 4
    return picture


@pytest.mark.usefixtures("with_red")
def test_a_check_costs_one_class_and_one_line_of_registration() -> None:
    """The alarm, the flags, the telemetry, the offline check and lab.toml all have it."""
    events: list[ev.Event] = []
    journal = SimpleNamespace(emit=events.append)
    devices = SimpleNamespace(absent={}, shared_ports=(), slow_cameras=(), cameras={"wrist": SimpleNamespace(fps=FPS)})
    monitor = Monitor(devices, load_benches(built_in=True).pick("sim"), journal, FPS)  # type: ignore[arg-type]
    arm = SimpleNamespace(goal={}, has_torque=False)
    for index in range(30):
        monitor.update({"wrist": reddish()}, arm, {}, index / FPS)  # type: ignore[arg-type]
    assert [(e.camera, e.state) for e in events if isinstance(e, ev.CameraAlarmed)] == [("wrist", "red")]
    assert monitor.flags == ["wrist red"]
    assert monitor.views(1.0)["wrist"].state == "red"
    assert judge_frames([reddish() for _ in range(30)], FPS) == (FrameRange("red", 0, 30),)
    check_thresholds({"red": {"share": 0.9}})
    assert judge_frames([reddish() for _ in range(30)], FPS, {"red": {"share": 0.9}}) == ()


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a check 'black' exists already"):
        register(type("Other", (CameraCheck,), {"name": "black"}))
    with pytest.raises(HealthProblem):
        check_thresholds({"other": {}})

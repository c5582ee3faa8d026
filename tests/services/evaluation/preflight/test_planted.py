"""Planted mismatches are found over seeds, and a clean bench raises no alarm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.evaluation.preflight.checks import checks
from services.evaluation.preflight.facts import NORMALISED, Live
from services.sim.arm import JOINTS, LOWER, REST, UPPER
from sessions.calibration import JointCalibration
from sessions.preflight import Check, Level
from tests.support.preflight_bench import CALIBRATION, TASK, live, live_pictures, reference, setting

SEEDS = range(20)
CLEAN = range(100, 160)
ALARMS = (Level.WARNING, Level.BAD)
TICKS_PER_DEGREE = 4096 / 360


def alarms(bench: Live) -> set[str]:
    """The checks that are not good."""
    return {check.name for check in checks(reference(), bench) if check.level in ALARMS}


def test_a_clean_bench_raises_no_alarm_whatever_place_the_cube_has() -> None:
    raised = {seed: found for seed in CLEAN if (found := alarms(live(*live_pictures(seed))))}
    assert len(raised) <= 0.02 * len(CLEAN), raised


def test_a_clean_bench_is_good_in_every_respect() -> None:
    found = checks(reference(), live(*live_pictures(1)))
    assert {check.level for check in found} == {Level.GOOD}, [c for c in found if c.level is not Level.GOOD]
    assert [check.name for check in found] == [
        "camera overhead", "camera wrist", "pose", "units", "calibration", "known pose", "task", "rate",
    ]  # fmt: skip


# --- what is planted: a bench of a seed, and the checks that must find it -------------------------------


def swapped(seed: int) -> tuple[Live, set[str]]:
    pose, pictures = live_pictures(seed)
    both = {"overhead": pictures["wrist"], "wrist": pictures["overhead"]}
    return live(pose, both), {"camera overhead", "camera wrist"}


def mirrored(seed: int) -> tuple[Live, set[str]]:
    pose, pictures = live_pictures(seed)
    view = ("overhead", "wrist")[seed // 2 % 2]
    return live(pose, pictures | {view: np.ascontiguousarray(pictures[view][:, ::-1])}), {f"camera {view}"}


def upside_down(seed: int) -> tuple[Live, set[str]]:
    pose, pictures = live_pictures(seed)
    view = ("overhead", "wrist")[seed // 2 % 2]
    return live(pose, pictures | {view: np.ascontiguousarray(pictures[view][::-1, ::-1])}), {f"camera {view}"}


def half_exposed(seed: int) -> tuple[Live, set[str]]:
    pose, pictures = live_pictures(seed)
    view = ("overhead", "wrist")[seed // 2 % 2]
    return live(pose, pictures | {view: pictures[view] // 2}), {f"camera {view}"}


def off_by_5_degrees(seed: int) -> tuple[Live, set[str]]:
    """The arm lies or stands as always; one joint reads 5 degrees more or less."""
    pose, pictures = live_pictures(seed)
    pose[seed // 3 % 5] += 5.0 if seed % 3 else -5.0
    return live(pose, pictures), {"known pose"}


def calibrated_5_degrees_off(seed: int) -> tuple[Live, set[str]]:
    """The same in the calibration file, while torque keeps the arm where it reads what it always read."""
    joint, ticks = JOINTS[seed // 3 % 5], round(5 * TICKS_PER_DEGREE) * (1 if seed % 3 else -1)
    old = CALIBRATION[joint]
    new = JointCalibration(old.homing_offset + ticks, old.range_min, old.range_max)
    now = setting(fingerprint="7a" * 32, joints=CALIBRATION | {joint: new})
    return live(*live_pictures(seed), setting=now), {"calibration"}


def normalised(seed: int) -> tuple[Live, set[str]]:
    pose, pictures = live_pictures(seed)
    read = np.append(200 * (pose - LOWER)[:5] / (UPPER - LOWER)[:5] - 100, pose[5])
    return live(read, pictures, setting=setting(units=NORMALISED)), {"units"}


def another_prompt(seed: int) -> tuple[Live, set[str]]:
    words = TASK.split()
    match seed % 4:
        case 0:
            words.insert(3, "red")
        case 1:
            words.pop(seed % len(words))
        case 2:
            words[0] = words[0].lower()
        case _:
            words[-1] += "."
    return live(*live_pictures(seed), task=" ".join(words)), {"task"}


def half_the_rate(seed: int) -> tuple[Live, set[str]]:
    return live(*live_pictures(seed), fps=15), {"rate"}


def another_gripper(seed: int) -> tuple[Live, set[str]]:
    """Its range begins or ends elsewhere: the reading at rest differs, too."""
    pose, pictures = live_pictures(seed)
    old, share = CALIBRATION["gripper"], (0.25, -0.3, 0.4)[seed // 3 % 3]
    size = old.range_max - old.range_min
    new = JointCalibration(old.homing_offset, old.range_min - round(share * size), old.range_max)
    pose[5] = 100 * (pose[5] / 100 + share) / (1 + share)
    known = setting() if seed % 4 == 1 else setting(joints=CALIBRATION | {"gripper": new}, fingerprint="7a" * 32)
    return live(pose, pictures, setting=known), {"calibration", "known pose"}


@pytest.mark.parametrize(
    "plant",
    [swapped, mirrored, upside_down, half_exposed, off_by_5_degrees, calibrated_5_degrees_off, normalised,
     another_prompt, half_the_rate, another_gripper],
)  # fmt: skip
def test_a_planted_mismatch_is_found_by_its_own_check(plant: Callable[[int], tuple[Live, set[str]]]) -> None:
    missed = {}
    for seed in SEEDS:
        bench, wanted = plant(seed)
        if not (found := alarms(bench)) & wanted:
            missed[seed] = found
    assert len(missed) <= 0.05 * len(SEEDS), missed


@pytest.mark.parametrize("plant", [swapped, mirrored, half_exposed, normalised, another_prompt, half_the_rate])
def test_what_makes_trials_worthless_is_bad_and_says_what_mends_it(
    plant: Callable[[int], tuple[Live, set[str]]],
) -> None:
    bench, wanted = plant(3)
    found: list[Check] = [check for check in checks(reference(), bench) if check.name in wanted]
    assert Level.BAD in {check.level for check in found}
    assert all(check.mends for check in found if check.level is Level.BAD)


def test_the_arm_need_not_lie_at_rest_for_its_cameras_to_be_judged() -> None:
    pose, pictures = live_pictures(1)
    assert abs(pose - REST).max() < 3  # the data never show this pose
    assert not {name for name in alarms(live(pose, pictures)) if name.startswith("camera")}

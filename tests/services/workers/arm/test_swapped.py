"""Two arms at each other's port: refused before torque, whichever of them tells, with what to write into lab.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.bench.profiles import Profile
from services.sim.servos import control
from services.sim.servos.calibration import write_calibration
from services.sim.servos.emulator import Emulator
from services.workers.arm import devices as dev
from services.workers.arm.device_problem import DeviceProblem
from tests.support.servo_session import ServoSession, profile
from tests.support.servos import CALIBRATION, emulated, table, torque, torque_written, wait_longer

VOLTAGE = 62


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 150.0)


def swapped(emulator: Emulator) -> Profile:
    bench = profile(emulator)
    robot, teleop = dict(bench.robot), dict(bench.teleop)
    robot["port"], teleop["port"] = teleop["port"], robot["port"]
    return Profile(name="mine", robot=robot, teleop=teleop, motion=bench.motion)


def calibrated_differently(emulator: Emulator) -> None:
    emulator.do(control.SetRegister(arm="leader", servo=2, address=11, value=2800))
    write_calibration(emulator.arms["leader"], emulator.folder / CALIBRATION)


def refusal(bench: Profile, **options: Any) -> str:
    with pytest.raises(DeviceProblem) as caught:
        dev.connect(bench, arm_only=options.get("arm_only", False), progress=lambda _: None)
    return str(caught.value)


@pytest.mark.parametrize("arm_only", [False, True])
def test_calibrations_tell_that_two_arms_are_swapped(bench: Emulator, arm_only: bool) -> None:
    calibrated_differently(bench)
    text = refusal(swapped(bench), arm_only=arm_only)
    here, there = bench.folder / "leader", bench.folder / "follower"
    if arm_only:
        assert "leader" not in text.replace(str(here), "") and "its motors hold another calibration" in text
    else:
        assert text == (
            f"follower: the motors at {here} have the calibration of the leader: the two arms are swapped; in lab.toml "
            f'write bench.mine.robot.port = "{there}" and bench.mine.teleop.port = "{here}"'
        )
        for arm in bench.arms.values():
            assert not any(said.writes for said in arm.log.since()), "nothing was written to either"


def test_an_arm_without_a_file_that_holds_the_others_calibration_is_not_offered_to_keep_it(bench: Emulator) -> None:
    calibrated_differently(bench)
    (bench.folder / CALIBRATION / "follower.json").unlink()
    assert "have the calibration of the leader: the two arms are swapped" in refusal(swapped(bench))
    for arm in bench.arms.values():
        assert not any(said.writes for said in arm.log.since()), "nothing was written to either"


@pytest.mark.parametrize("held", [False, True])
def test_the_supply_tells_where_calibrations_do_not_and_the_follower_is_not_let_go(
    bench: Emulator, tmp_path: Path, held: bool
) -> None:
    if held:
        ServoSession(tmp_path, profile(bench, leader=False)).ready().terminate()
    for servo in range(1, 7):
        bench.do(control.SetRegister(arm="follower", servo=servo, address=VOLTAGE, value=121, size=1))
        bench.do(control.SetRegister(arm="leader", servo=servo, address=VOLTAGE, value=50, size=1))
    before = len(torque_written(bench.arms["follower"]))
    text = refusal(swapped(bench))
    assert "; if that is meant, set bench.mine.health.supply.volts above 7.1" in text
    assert text.startswith("leader: its motors have 12.1 V, those of the follower 5.0 V: the two arms are swapped; ")
    assert f'bench.mine.teleop.port = "{bench.folder / "leader"}"' in text
    assert torque(bench) == ("111111" if held else "000000") and torque(bench, "leader") == "000000"
    assert len(torque_written(bench.arms["follower"])) == before, "LeRobot cuts the torque of a leader"


def test_a_bench_may_say_that_its_leader_has_the_higher_supply(bench: Emulator) -> None:
    for servo in range(1, 7):
        bench.do(control.SetRegister(arm="follower", servo=servo, address=VOLTAGE, value=74, size=1))
        bench.do(control.SetRegister(arm="leader", servo=servo, address=VOLTAGE, value=121, size=1))
    assert "swapped" in refusal(profile(bench))
    meant = msgspec.structs.replace(profile(bench), health={"supply": {"volts": 5.0}})
    dev.disconnect(dev.connect(meant, arm_only=False, progress=lambda _: None), cut_torque=True)


def test_arms_at_their_own_ports_are_no_concern(bench: Emulator) -> None:
    calibrated_differently(bench)
    for servo in range(1, 7):
        bench.do(control.SetRegister(arm="leader", servo=servo, address=VOLTAGE, value=74, size=1))
    dev.disconnect(dev.connect(profile(bench), arm_only=False, progress=lambda _: None), cut_torque=True)


def test_the_two_arms_of_a_pair_are_told_apart_too() -> None:
    with emulated("bench_left", "bench_right") as emulator:
        emulator.do(control.SetRegister(arm="bench_right", servo=2, address=11, value=2800))
        write_calibration(emulator.arms["bench_right"], emulator.folder / CALIBRATION)
        left, right = (str(emulator.folder / arm) for arm in ("bench_left", "bench_right"))
        robot = table(emulator, "bench") | {
            "type": "bi_so_follower", "left_arm_config": {"port": right}, "right_arm_config": {"port": left},
        }  # fmt: skip
        del robot["port"]
        text = refusal(Profile(name="two", robot=robot), arm_only=True)
        assert text.startswith(f"follower left: the motors at {right} have the calibration of the follower right: ")
        assert (
            f'write bench.two.robot.left_arm_config.port = "{left}" and bench.two.robot.right_arm_config.port' in text
        )

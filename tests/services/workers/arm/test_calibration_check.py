"""A calibration that does not fit the motors: what is found, asked and done, through LeRobot's drivers on servos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lerobot.motors import Motor, MotorCalibration, MotorNormMode

from services.bench.calibration import differences, problem
from services.live import events as ev
from services.live.requests import Purpose
from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.calibration import write_calibration
from services.sim.servos.emulator import RANGE, Emulator
from services.workers.arm import devices as dev
from services.workers.arm.calibration_check import (
    CalibrationProblem,
    Wishes,
    is_plausible,
    torque_hindrance,
    unreadable_file,
)
from services.workers.arm.serial_bus import dependable
from sessions.bench import Profile
from sessions.calibration import CalibrationAct, CalibrationFault, JointCalibration
from sessions.facts import CalibrationRefused, CalibrationWritten
from sessions.models import SessionStatus
from tests.support.servo_session import ServoSession, profile
from tests.support.servos import CALIBRATION, emulated, follower, torque, torque_written, wait_longer

WRITE, SAVE = CalibrationAct.WRITE_MOTORS, CalibrationAct.SAVE_FILE


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 150.0)


@pytest.fixture
def bench() -> Iterator[Emulator]:
    """A follower and a leader that are calibrated differently."""
    with emulated("follower", "leader:leader") as made:
        made.do(control.SetRegister(arm="leader", servo=2, address=reg.MAX_POSITION, value=2800))
        write_calibration(made.arms["leader"], made.folder / CALIBRATION)
        yield made


def file_of(bench: Emulator, arm: str) -> Path:
    return bench.folder / CALIBRATION / f"{arm}.json"


def shift(bench: Emulator, arm: str = "follower", *, offset: int = 40, upper: int = RANGE[1] - 7) -> None:
    """Put another calibration into two of the arm's motors."""
    bench.do(control.SetRegister(arm=arm, servo=4, address=reg.HOMING_OFFSET, value=offset))
    bench.do(control.SetRegister(arm=arm, servo=6, address=reg.MAX_POSITION, value=upper))


def registers(bench: Emulator, arm: str) -> dict[int, tuple[int, int, int]]:
    """What each motor holds: homing offset and range."""
    addresses = (reg.HOMING_OFFSET, reg.MIN_POSITION, reg.MAX_POSITION)
    found = bench.arms[arm].chain.servos.items()
    return {i: tuple(servo.get(a) for a in addresses) for i, servo in found}  # type: ignore[misc]


Fitting = tuple[list[CalibrationWritten], tuple[CalibrationRefused, ...]]


def rest_of(bench: Emulator, **acts: CalibrationAct) -> Fitting:
    """As a session that needs the follower only."""
    return fitting(bench, arm_only=True, **acts)


def fitting(bench: Emulator, *, arm_only: bool = False, **acts: CalibrationAct) -> Fitting:
    """Connect with these wishes; what was written, and what was refused."""
    written: list[CalibrationWritten] = []
    try:
        wishes = Wishes(acts, written.append)
        devices = dev.connect(profile(bench), arm_only=arm_only, progress=lambda _: None, wishes=wishes)
    except CalibrationProblem as problem:
        return written, problem.found
    dev.disconnect(devices, cut_torque=True)
    return written, ()


@pytest.mark.parametrize("arm", ["follower", "leader"])
def test_motors_with_other_values_name_the_joints_and_how_far_they_are_apart(bench: Emulator, arm: str) -> None:
    shift(bench, arm)
    before = registers(bench, arm)
    written, (found,) = fitting(bench)
    assert (found.arm, found.fault, found.act, found.hindrance) == (arm, CalibrationFault.DIFFERS, WRITE, "")
    assert found.file == str(file_of(bench, arm))
    wrist, gripper = found.differences
    assert (wrist.joint, wrist.file, wrist.motor) == (
        "wrist_flex", JointCalibration(0, *RANGE), JointCalibration(40, *RANGE),
    )  # fmt: skip
    assert differences(found) == [
        "wrist_flex: homing offset 0 in the file, 40 in the motor (3.5 degrees)",
        "gripper: upper end 3000 in the file, 2993 in the motor (0.6 degrees)",
    ]
    assert gripper.ticks_per_turn == 4096
    assert not written and registers(bench, arm) == before, "nobody has answered yet"


@pytest.mark.parametrize("arm", ["follower", "leader"])
def test_the_file_goes_into_the_motors_once_it_is_wanted_and_stays_there(bench: Emulator, arm: str) -> None:
    before = registers(bench, arm)
    shift(bench, arm)
    text = file_of(bench, arm).read_text()
    assert fitting(bench, **{arm: WRITE}) == (
        [CalibrationWritten(arm=arm, act=WRITE, file=str(file_of(bench, arm)))], (),
    )  # fmt: skip
    bench.do(control.Silence(arm=arm, seconds=0.0, power=True))  # what was not unlocked is lost with the power
    bench.look(arm)
    assert registers(bench, arm) == before
    assert file_of(bench, arm).read_text() == text
    assert fitting(bench) == ([], ())


def test_torque_came_on_only_after_the_motors_had_their_calibration(bench: Emulator) -> None:
    shift(bench)
    fitting(bench, follower=WRITE)
    said = bench.arms["follower"].log.since(0.0)
    calibrated = [at for at, each in enumerate(said) if each.values(reg.HOMING_OFFSET, 2)]
    gripped = [at for at, each in enumerate(said) if 1 in (each.values(reg.TORQUE_ENABLE, 1) or {}).values()]
    assert calibrated and gripped and max(calibrated) < min(gripped)


def test_what_was_written_is_not_called_as_it_was_found(bench: Emulator) -> None:
    shift(bench)
    shift(bench, "leader", offset=7)
    with pytest.raises(CalibrationProblem, match="leader: its motors hold another calibration") as caught:
        wishes = Wishes({"follower": WRITE})
        dev.connect(profile(bench), arm_only=False, progress=lambda _: None, wishes=wishes)
    assert str(caught.value).endswith(". The follower's calibration was changed; torque is off")


def test_an_arm_that_holds_is_not_written_since_it_would_jump(bench: Emulator, tmp_path: Path) -> None:
    ServoSession(tmp_path / "1", profile(bench, leader=False)).ready().terminate()
    values = json.loads(file_of(bench, "follower").read_text())
    values["wrist_flex"]["homing_offset"] = 40
    file_of(bench, "follower").write_text(json.dumps(values))
    before, stood = registers(bench, "follower"), bench.look("follower").position
    since = len(torque_written(bench.arms["follower"]))
    written, (found,) = fitting(bench, follower=WRITE)
    assert not written and "torque is on, and what has torque would jump" in found.hindrance
    assert registers(bench, "follower") == before and bench.look("follower").position == stood
    assert torque(bench) == "111111" and len(torque_written(bench.arms["follower"])) == since


def test_values_of_another_arm_are_not_replaced_since_that_arm_may_be_at_the_port(bench: Emulator) -> None:
    bench.do(control.SetRegister(arm="follower", servo=2, address=reg.MAX_POSITION, value=2800))
    before = registers(bench, "follower")
    _, (found,) = rest_of(bench, follower=WRITE)
    assert found.act is CalibrationAct.NONE, "no option would write it"
    assert found.hindrance == (
        f"its motors hold that of {file_of(bench, 'leader')}; another arm may be at {bench.folder / 'follower'}"
    )
    assert registers(bench, "follower") == before
    file_of(bench, "follower").unlink()
    _, (found,) = rest_of(bench)
    assert (found.fault, found.detail) == (CalibrationFault.MISSING, str(file_of(bench, "leader")))
    assert "look at its `id` in lab.toml" in problem(found)


def test_values_that_no_motor_takes_are_not_written(bench: Emulator) -> None:
    values = json.loads(file_of(bench, "follower").read_text())
    values["elbow_flex"] |= {"range_min": 3000, "range_max": 1000}
    file_of(bench, "follower").write_text(json.dumps(values))
    before = registers(bench, "follower")
    _, (found,) = fitting(bench, follower=WRITE)
    assert found.hindrance == "no motor takes the file's values for elbow_flex"
    assert registers(bench, "follower") == before


@pytest.mark.parametrize("arm", ["follower", "leader"])
def test_without_a_file_the_motors_calibration_can_be_saved_as_one(bench: Emulator, arm: str) -> None:
    shift(bench, arm)
    file_of(bench, arm).unlink()
    written, (found,) = fitting(bench)
    assert (found.arm, found.fault, found.act) == (arm, CalibrationFault.MISSING, SAVE)
    kind = "robot" if arm == "follower" else "teleop"
    assert found.command.startswith(f"lerobot-calibrate --{kind}.type=so101_{arm} --{kind}.port={bench.folder / arm} ")
    assert f"--{kind}.id={arm} --{kind}.calibration_dir={bench.folder / CALIBRATION}" in found.command
    assert not written and not file_of(bench, arm).exists()
    written, refused = fitting(bench, **{arm: SAVE})
    assert [each.act for each in written] == [SAVE] and not refused
    saved = json.loads(file_of(bench, arm).read_text())
    assert saved["wrist_flex"] == {
        "id": 4, "drive_mode": 0, "homing_offset": 40, "range_min": RANGE[0], "range_max": RANGE[1],
    }  # fmt: skip
    assert fitting(bench) == ([], ())


def test_motors_as_from_the_factory_hold_no_calibration_to_save(bench: Emulator) -> None:
    file_of(bench, "follower").unlink()
    bench.do(control.SetRegister(arm="follower", servo=2, address=reg.MIN_POSITION, value=0))
    bench.do(control.SetRegister(arm="follower", servo=2, address=reg.MAX_POSITION, value=4095))
    _, (found,) = fitting(bench, follower=SAVE)
    assert (found.fault, found.act) == (CalibrationFault.MISSING, CalibrationAct.NONE)
    assert not file_of(bench, "follower").exists()


def test_torque_that_cannot_be_asked_of_a_motor_is_not_called_on_or_off(bench: Emulator) -> None:
    robot = follower(bench)
    dependable(robot.bus, "follower")
    robot.connect(calibrate=False)
    assert "torque is on" in torque_hindrance(robot, "follower", "")
    robot.bus.disable_torque()
    assert not torque_hindrance(robot, "follower", "")
    bench.do(control.Mute(arm="follower", servos=(6,)))
    assert torque_hindrance(robot, "follower", "").startswith("torque is off, not known of gripper")
    robot.bus.port_handler.closePort()


def test_a_make_that_is_not_known_here_may_count_further_than_a_feetech_servo() -> None:
    """As DynamixelMotorsBus, whose SDK is not installed here."""
    motors = {"gripper": Motor(1, "xl330-m077", MotorNormMode.RANGE_0_100)}
    bus = SimpleNamespace(motors=motors, model_resolution_table={"xl330-m077": 4096})
    assert is_plausible(bus, {"gripper": MotorCalibration(1, 0, 3072, -10, 6000)})
    assert not is_plausible(bus, {"gripper": MotorCalibration(1, 0, 0, 0, 4095)}), "as from the factory"


def test_only_lerobots_own_reader_tells_of_a_calibration_file() -> None:
    def _load_calibration() -> None:
        raise ValueError("no such arm in the cloud")

    with pytest.raises(ValueError, match="cloud") as caught:
        _load_calibration()
    assert unreadable_file(caught.value, "follower", {}) is None


def test_a_driver_that_cannot_be_asked_for_its_calibration_is_quoted() -> None:
    found = CalibrationRefused(arm="leader", fault=CalibrationFault.DIFFERS, file="/x/glove.json")
    assert problem(found) == "leader: its driver says that it is not calibrated; its file is /x/glove.json"


def test_a_wish_for_something_else_does_nothing(bench: Emulator) -> None:
    shift(bench)
    _, (found,) = fitting(bench, follower=SAVE, leader=WRITE)
    assert found.act is WRITE


@pytest.mark.parametrize("arm", ["follower", "leader"])
def test_a_torn_file_and_one_of_other_joints_are_told_apart_and_never_replaced(bench: Emulator, arm: str) -> None:
    for text, fault, said in (
        ('{"shoulder_pan": ', CalibrationFault.UNREADABLE, ""),
        (json.dumps({"lift": {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": 1, "range_max": 9}}),
         CalibrationFault.OTHER_JOINTS, "wrist_roll; the arm has no lift"),
    ):  # fmt: skip
        file_of(bench, arm).write_text(text)
        for acts in ({}, {arm: SAVE}, {arm: WRITE}):
            _, (found,) = fitting(bench, **acts)
            assert (found.arm, found.fault, found.act) == (arm, fault, CalibrationAct.NONE)
            assert found.file == str(file_of(bench, arm)) and said in found.detail and found.detail
            assert f".id={arm} " in found.command and f".port={bench.folder / arm} " in found.command
            assert file_of(bench, arm).read_text() == text


@pytest.fixture
def pair() -> Iterator[Emulator]:
    with emulated("arm_left", "arm_right") as made:
        shift(made, "arm_right", offset=7)
        write_calibration(made.arms["arm_right"], made.folder / CALIBRATION)
        yield made


def test_each_arm_of_a_pair_has_its_own_answer(pair: Emulator) -> None:
    sides: Any = {f"{side}_arm_config": {"port": str(pair.folder / f"arm_{side}")} for side in ("left", "right")}
    robot = {"type": "bi_so_follower", "id": "arm", "calibration_dir": str(pair.folder / CALIBRATION)} | sides
    shift(pair, "arm_left")
    file_of(pair, "arm_right").unlink()
    written: list[CalibrationWritten] = []

    def connect(acts: dict[str, CalibrationAct]) -> dev.Devices:
        wishes = Wishes(acts, written.append)
        bench = Profile(robot=robot, name="bi")
        return dev.connect(bench, arm_only=True, progress=lambda _: None, wishes=wishes)

    with pytest.raises(CalibrationProblem) as caught:
        connect({})
    found = [(each.arm, each.act) for each in caught.value.found]
    assert found == [("follower left", WRITE), ("follower right", SAVE)]
    with pytest.raises(CalibrationProblem) as caught:
        connect({"follower left": WRITE})
    assert [each.arm for each in caught.value.found] == ["follower right"]
    dev.disconnect(connect({"follower right": SAVE}), cut_torque=True)
    assert [each.arm for each in written] == ["follower left", "follower right"]
    file_of(pair, "arm_left").write_text("{")
    with pytest.raises(CalibrationProblem) as caught:
        connect({})
    assert caught.value.found[0].arm == "follower left" and ".id=arm_left" in caught.value.found[0].command


def test_a_session_tells_what_does_not_fit_and_what_was_written(bench: Emulator, tmp_path: Path) -> None:
    shift(bench)
    refused = ServoSession(tmp_path / "1", profile(bench), Purpose.HOLD)
    status, reason = refused.end()
    (found,) = refused.events(ev.CalibrationRefused)
    assert status is SessionStatus.ABORTED and found.act is WRITE
    assert (
        "its motors hold another calibration" in reason
        and "homing offset of wrist_flex by 3.5 degrees; range of gripper by 0.6 degrees" in reason
    )
    assert reason.endswith("The follower is as it was found: torque is off")
    mended = ServoSession(tmp_path / "2", profile(bench), Purpose.HOLD, calibration={"follower": WRITE}).ready()
    assert [(e.arm, e.act) for e in mended.events(ev.CalibrationWritten)] == [("follower", WRITE)]
    mended.terminate()

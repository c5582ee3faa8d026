"""What an operator reads about a device that cannot be used, and what mends it: LeRobot's own errors, real devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tests.support.stripedcamera  # noqa: F401  # registers the camera
from services.bench.profiles import Profile
from services.live.reasons import Advice
from services.sim.servos import control
from services.sim.servos.process import CALIBRATION, Servos
from services.workers.arm import devices as dev
from services.workers.arm.camera_trouble import CameraTrouble, camera_trouble, check_plugged_in
from services.workers.arm.device_guard import DeviceGuard
from services.workers.arm.device_problem import DeviceProblem, sentence
from services.workers.arm.remedies import held_by, shared_ports
from services.workers.arm.serial_bus import NoAnswer
from tests.support.stripedcamera import StripedCamera, StripedCameraConfig


@pytest.fixture
def servos(tmp_path: Path) -> Iterator[Servos]:
    running = Servos(tmp_path / "servos", "blue")
    yield running
    running.close()


def bench(servos: Servos, **changes: Any) -> Profile:
    robot = {"type": "so101_follower", "id": "blue", "port": servos.port("blue")}
    return Profile(robot=robot | {"calibration_dir": str(servos.folder / CALIBRATION)} | changes, name="so101")


def refusal(profile: Profile) -> str:
    with pytest.raises(DeviceProblem) as caught:
        dev.connect(profile, arm_only=True, progress=lambda _: None)
    return str(caught.value)


def test_motors_that_do_not_answer_are_named_by_their_ids(servos: Servos) -> None:
    servos.do(control.Mute(arm="blue", servos=(3, 6)))
    text = refusal(bench(servos))
    assert "Missing motor IDs: 3 (expected model: 777), 6 (expected model: 777)" in text
    assert "check the cable to motor 3" in text


def test_a_chain_of_which_no_motor_answers_needs_power() -> None:
    missing = "".join(f"  - {n} (expected model: 777)\n" for n in range(1, 7))
    text = f"FeetechMotorsBus motor check failed on port '/dev/x':\n\nMissing motor IDs:\n{missing}"
    found = sentence("follower", RuntimeError(f"{text}\nFull found motor list (id: model_number):\n{{}}"), "/dev/x")
    assert found.endswith("; no motor answers: check the power supply and the cable to the first motor")


def test_motors_of_different_firmware_are_named_with_their_versions(servos: Servos) -> None:
    servos.do(control.SetRegister(arm="blue", servo=4, address=1, value=9, size=1))
    text = refusal(bench(servos))
    assert "Some Motors use different firmware versions: {1: '3.10'," in text
    assert "4: '3.9'" in text


def test_a_calibration_file_that_is_torn_is_named(servos: Servos) -> None:
    path = servos.folder / CALIBRATION / "blue.json"
    path.write_text('{"shoulder_pan": ')
    text = refusal(bench(servos))
    assert str(path) in text
    assert "TextIOWrapper" not in text
    assert "move that file away and begin again" in text and "lerobot-calibrate" in text


def test_a_calibration_that_does_not_fit_names_its_file_and_how_to_calibrate(servos: Servos) -> None:
    path = servos.folder / CALIBRATION / "blue.json"
    changed = json.loads(path.read_text())
    changed["gripper"]["range_max"] += 5
    path.write_text(json.dumps(changed))
    text = refusal(bench(servos))
    assert f"another calibration than {path}" in text
    assert f"--robot.port={servos.port('blue')} --robot.id=blue" in text


def test_a_port_that_is_no_serial_device_says_what_the_system_says(servos: Servos, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    text = refusal(bench(servos, port=str(plain)))
    assert text.startswith(f"follower: {plain} cannot be opened: ")
    assert "Make sure you are using the correct port" not in text


def chained(number: int, path: str) -> Exception:
    """As LeRobot raises what pyserial raised (motors/motors_bus.py)."""
    try:
        raise ConnectionError(
            f"\nCould not connect on port '{path}'. Make sure you are using the correct port.\n"
        ) from (OSError(number, f"could not open port {path}: {os.strerror(number)}"))
    except ConnectionError as error:
        return error


def test_a_port_that_may_not_be_opened_or_is_gone_says_so_and_what_to_do() -> None:
    denied = sentence("follower", chained(13, "/dev/ttyACM7"), "/dev/ttyACM7")
    assert denied.startswith("follower: /dev/ttyACM7 may not be opened (permission denied); add yourself to its group")
    assert "usermod -aG dialout $USER" in denied
    gone = sentence("leader", chained(2, "/dev/ttyACM7"), "/dev/ttyACM7")
    assert gone.startswith("leader: there is no device at /dev/ttyACM7; plug it in, or correct `port` in lab.toml")


def test_a_port_that_another_program_has_open_names_the_program(tmp_path: Path) -> None:
    path = tmp_path / "ttyACM0"
    path.write_text("")
    code = f"file = open({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        found = list(held_by(str(path)))
        text = sentence("follower", ConnectionError("answers are garbled"), str(path))
        (shared,) = shared_ports(["", str(path), "/dev/ttyNONE"])
        other.communicate(b"\n")
    assert len(found) == 1 and f"process {other.pid}" in found[0] and "python" in found[0]
    assert f"is open in process {other.pid}" in text and "end that program first" in text
    assert shared.startswith(f"{path} is open in process {other.pid} ")
    assert not list(held_by(str(path))) and shared_ports([str(path)]) == ()


def test_the_emulator_of_an_arm_is_no_other_program_at_its_port(servos: Servos) -> None:
    assert not list(held_by(servos.port("blue")))
    with open(servos.port("blue")):
        assert not list(held_by(servos.port("blue"))), "nor is this one"


def test_a_realsense_that_is_not_plugged_in_is_named_at_once() -> None:
    from services.workers.process.environment import load_libusb

    load_libusb()
    from lerobot.cameras.realsense import RealSenseCamera, RealSenseCameraConfig

    camera = RealSenseCamera(RealSenseCameraConfig(serial_number_or_name="0123456789", width=640, height=480, fps=30))
    with pytest.raises(DeviceProblem, match=r"no RealSense camera with serial number 0123456789 is plugged in"):
        check_plugged_in(camera)


def test_a_camera_that_stops_is_called_by_its_name() -> None:
    cameras = {name: StripedCamera(StripedCameraConfig(width=8, height=8, fps=30)) for name in ("wrist", "overhead")}
    for camera in cameras.values():
        camera.connect()
    cameras["overhead"].dead = True
    with pytest.raises(RuntimeError) as caught:
        cameras["overhead"].read_latest()
    found = camera_trouble(cameras, caught.value)
    assert isinstance(found, CameraTrouble)
    assert str(found) == "overhead: no pictures (read thread is not running)"
    assert (found.lasting, found.camera, found.answer) == (True, "overhead", "plug it in")
    anonymous = camera_trouble(cameras, RuntimeError("something else"))
    assert str(anonymous) == "overhead: no pictures (something else)"


class Journal:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def emit(self, event: Any) -> None:
        self.events.append(event)


def test_an_alarm_about_a_motor_begins_with_the_arm_whatever_was_read_when_it_failed() -> None:
    journal = Journal()
    nothing: Any = lambda *_: None  # noqa: E731
    guard = DeviceGuard(journal, Advice.RESUME, failed=nothing, recovered=nothing, missed=nothing, now=lambda: 0.0)  # type: ignore[arg-type]
    guard.mark_failed("observation", NoAnswer("follower left: gripper (6) does not answer"))
    guard.mark_failed("leader", ConnectionError("lost\nat all"))
    assert [event.text for event in journal.events] == [
        "follower left: gripper (6) does not answer",
        "leader: lost; at all",
    ]

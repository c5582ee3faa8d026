"""What Linux says of cameras on USB, in a sysfs made here: slow ports, and equal cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.bench import usb_cameras
from services.bench.usb_cameras import camera_warnings, usb_camera
from tests.support.usb_tree import Usb

SIZE = {"width": 640, "height": 480, "fps": 30}


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usb:
    return Usb(tmp_path, monkeypatch)


def webcam(file: str, **more: Any) -> dict[str, Any]:
    return {"type": "opencv", "index_or_path": file, **SIZE, **more}


def realsense(**more: Any) -> dict[str, Any]:
    return {"type": "intelrealsense", "serial_number_or_name": "0123456789", **SIZE, **more}


def test_a_camera_that_could_be_faster_is_named_with_its_pictures_and_what_to_do(usb: Usb) -> None:
    slow = usb.webcam("video0", "1-2", version=" 2.10")
    assert camera_warnings({"overhead": webcam(slow)}) == (
        "overhead is on USB 2 (480 Mbit/s): 640x480 at 30 fps may not arrive; plug it into a USB 3 port",
    )
    (said,) = camera_warnings({"overhead": {"type": "opencv", "index_or_path": slow}})
    assert "its pictures may not arrive" in said


@pytest.mark.parametrize(("speed", "version"), [("480", " 2.00"), ("5000", " 3.20"), ("10000", " 3.20"), ("", "")])
def test_a_camera_as_fast_as_it_can_be_is_no_concern(usb: Usb, speed: str, version: str) -> None:
    file = usb.webcam("video0", "1-2", speed=speed, version=version)
    assert camera_warnings({"overhead": webcam(file)}) == ()
    found = usb_camera(file)
    assert found is not None and not found.too_slow


def test_a_camera_at_full_speed_only_is_slow_whatever_it_could(usb: Usb) -> None:
    (said,) = camera_warnings({"overhead": webcam(usb.webcam("video0", "1-2", speed="12"))})
    assert said.startswith("overhead is on a slow USB port (12 Mbit/s): ")


def test_a_realsense_on_usb_2_is_named_where_it_can_only_be_that_one(usb: Usb) -> None:
    usb.device("1-1", idVendor="8086", product="Bluetooth", speed="12")
    usb.realsense("1-2", "480")
    assert camera_warnings({"wrist": realsense()}) == (
        "wrist is on USB 2 (480 Mbit/s): 640x480 at 30 fps may not arrive; plug it into a USB 3 port",
    )
    usb.realsense("2-1", "5000")
    two = {"wrist": realsense(), "front": realsense(serial_number_or_name="987")}
    (said,) = camera_warnings(two)
    assert said.startswith("1 of 2 RealSense cameras on USB 2")
    assert camera_warnings({}) == ()


def test_a_realsense_on_usb_3_is_no_concern(usb: Usb) -> None:
    usb.realsense("2-1", "5000")
    assert camera_warnings({"wrist": realsense()}) == ()


@pytest.mark.parametrize("serial", ["", "SN0001"])
def test_equal_cameras_are_named_with_the_links_that_tell_them_apart(usb: Usb, serial: str) -> None:
    first, second = usb.webcam("video0", "1-2", serial=serial), usb.webcam("video2", "1-3", serial=serial)
    links = [str(usb.files / usb_cameras.BY_PORT / f"pci-usb-0:{port}:1.0-video-index0") for port in ("1-2", "1-3")]
    (said,) = camera_warnings({"wrist": webcam(first), "overhead": webcam(second)})
    assert said == (
        "wrist and overhead are equal cameras, whose device files may swap; name them in lab.toml by their USB port: "
        f"wrist {links[0]}, overhead {links[1]}"
    )
    assert camera_warnings({"wrist": webcam(links[0]), "overhead": webcam(links[1])}) == ()


def test_cameras_on_the_board_are_not_called_equal(usb: Usb) -> None:
    for file, chip in (("video0", "i2c-1"), ("video2", "i2c-2")):
        (usb.files / file).touch()
        (usb.video / file).mkdir()
        (usb.video / file / "device").symlink_to(usb.device(chip))
    assert usb_camera(str(usb.files / "video0")) is not None
    assert camera_warnings({n: webcam(str(usb.files / n)) for n in ("video0", "video2")}) == ()


def test_cameras_with_serial_numbers_of_their_own_and_absent_ones_are_no_concern(usb: Usb) -> None:
    first, second = usb.webcam("video0", "1-2", serial="A1"), usb.webcam("video2", "1-3", serial="B2")
    assert camera_warnings({"wrist": webcam(first), "overhead": webcam(second), "gone": webcam("/dev/video99")}) == ()

"""What is said of a camera that stopped, and which one counts as the one from before: the search alone, without arm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.bench.device_locks import DeviceLocks
from services.workers.arm.camera_return import CameraReturn
from services.workers.arm.camera_trouble import START_AGAIN, CameraTrouble, camera_trouble
from services.workers.arm.devices import Devices, _connect_cameras
from services.workers.arm.parts import Cameras
from services.workers.arm.serial_bus import PLUG_IN
from tests.support.pluggedcamera import PluggedCamera, PluggedCameraConfig
from tests.support.realsensecamera import RealSenseCamera, RealSenseCameraConfig
from tests.support.servo_session import until
from tests.support.stripedcamera import StripedCamera

STOPPED = "wrist: no pictures (read thread is not running)"
SIZE: dict[str, Any] = {"width": 16, "height": 12, "fps": 30}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.workers.arm.camera_return.EVERY_S", 0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "video0"
    made.touch()
    return made


class Bench:
    """A robot of cameras only, which work, and what opens them again."""

    def __init__(self, cameras: dict[str, StripedCamera], locks: DeviceLocks | None = None, **configs: Any) -> None:
        for camera in cameras.values():
            camera.connect()
        robot = SimpleNamespace(bus=object(), cameras=cameras, config=SimpleNamespace(cameras=configs))
        self.devices = Devices(cast(Any, robot), None, locks=locks)
        self.back = CameraReturn(self.devices)

    def stop(self, *names: str) -> None:
        for name in names or ("wrist",):
            self.back.search(name, "read thread is not running")

    def says(self, text: str) -> None:
        until(lambda: text in self.back.trouble.args[0], 20)

    def returns(self) -> None:
        def all_back() -> bool:
            self.back.put_back()
            return not self.back.missing

        until(all_back, 3)


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.back.close()


def plugged(path: Path) -> PluggedCamera:
    return PluggedCamera(PluggedCameraConfig(**SIZE, index_or_path=str(path)))


def test_a_realsense_that_was_pulled_out_is_not_called_back(benches: list[Bench]) -> None:
    RealSenseCamera.plugged_in = {"0123"}
    camera = RealSenseCamera(RealSenseCameraConfig(**SIZE, serial_number_or_name="0123"))
    benches.append(bench := Bench({"wrist": camera}))
    RealSenseCamera.plugged_in = set()
    bench.stop()
    bench.says(
        "wrist: no pictures (no RealSense camera with serial number 0123 is plugged in (there is no RealSense camera"
    )
    assert bench.back.trouble.answer == "", "that says already what to do"
    camera.config.broken = "its firmware is too old"
    RealSenseCamera.plugged_in = {"0123"}
    bench.says("wrist: no pictures (its firmware is too old)")
    camera.config.broken = ""
    bench.returns()


def test_only_a_camera_whose_file_went_away_and_came_again_is_called_back(file: Path, benches: list[Bench]) -> None:
    camera = plugged(file)
    benches.append(bench := Bench({"wrist": camera}))
    camera.config.broken = "it hangs"
    bench.stop()
    bench.says("wrist: no pictures (it hangs)")
    assert bench.back.trouble.answer == "", "it is plugged in"
    file.unlink()
    bench.says(STOPPED)
    assert bench.back.trouble.answer == PLUG_IN
    file.touch()
    bench.says("wrist: no pictures (it is back, but it hangs)")
    assert bench.back.trouble.answer == ""
    file.unlink()
    bench.says(STOPPED)
    camera.config.broken = ""
    file.touch()
    bench.returns()


def test_another_camera_is_not_called_the_one_that_is_back(file: Path, benches: list[Bench]) -> None:
    camera = plugged(file)
    benches.append(bench := Bench({"wrist": camera}))
    file.unlink()
    bench.stop()
    bench.says(STOPPED)
    camera.config.gives_width = 32
    file.touch()
    bench.says(f"wrist: no pictures (another camera is at {file}: it gives 32x12 pixels, not 16x12)")
    file.unlink()
    bench.says(STOPPED)
    camera.config.gives_width = None
    file.touch()
    bench.returns()


# -- two equal cameras --------------------------------------------------------------------------------


class Usb:
    """Linux's list of video devices, and their files."""

    def __init__(self, folder: Path) -> None:
        self.files, self.sysfs, self._tree = folder / "dev", folder / "class", folder / "devices" / "usb1"
        for made in (self.files, self.sysfs):
            made.mkdir()

    def plug(self, file: str, port: str, serial: str = "") -> Path:
        interface = self._tree / port / f"{port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        for key, value in (("idVendor", "046d"), ("idProduct", "0825"), ("serial", serial)):
            (interface.parent / key).write_text(f"{value}\n")
        (self.sysfs / file).mkdir()
        (self.sysfs / file / "device").symlink_to(interface)
        (self.files / file).touch()
        return self.files / file

    def unplug(self, *files: str) -> None:
        for file in files:
            (self.files / file).unlink()
            (self.sysfs / file / "device").unlink()
            (self.sysfs / file).rmdir()


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usb:
    made = Usb(tmp_path)
    monkeypatch.setattr("services.bench.usb_cameras.DEVICES", made.files)
    monkeypatch.setattr("services.bench.usb_cameras.SYSFS", made.sysfs)
    return made


@pytest.mark.parametrize("serial", ["", "SN0001"])
def test_two_equal_cameras_that_swap_their_files_are_told_apart(usb: Usb, serial: str, benches: list[Bench]) -> None:
    wrist, overhead = usb.plug("video0", "1-2", serial), usb.plug("video2", "1-3", serial)
    benches.append(bench := Bench({"wrist": plugged(wrist), "overhead": plugged(overhead)}))
    usb.unplug("video0", "video2")
    bench.stop("wrist", "overhead")
    usb.plug("video0", "1-3", serial)
    usb.plug("video2", "1-2", serial)
    name = f"046d:0825 {serial}".strip()
    answer = "plug each into the USB port that it had"
    bench.says(f"another camera is at {wrist}: it is {name} at USB port 1-3, not {name} at USB port 1-2; {answer}")
    bench.says(f"another camera is at {overhead}: it is {name} at USB port 1-2, not {name} at USB port 1-3; {answer}")
    assert bench.devices.cameras == {}
    usb.unplug("video0", "video2")
    usb.plug("video0", "1-2", serial)
    usb.plug("video2", "1-3", serial)
    bench.returns()


def test_a_camera_with_a_serial_number_of_its_own_may_come_back_at_another_port(usb: Usb, benches: list[Bench]) -> None:
    wrist, overhead = usb.plug("video0", "1-2", "A1"), usb.plug("video2", "1-3", "B2")
    benches.append(bench := Bench({"wrist": plugged(wrist), "overhead": plugged(overhead)}))
    usb.unplug("video0")
    bench.stop()
    usb.plug("video0", "1-2", "C3")
    bench.says(f"another camera is at {wrist}: it is 046d:0825 C3 at USB port 1-2, not 046d:0825 A1 at USB port 1-2")
    usb.unplug("video0")
    usb.plug("video0", "2-4", "A1")
    bench.returns()


def test_a_camera_of_which_linux_says_nothing_is_opened_as_it_is_configured(usb: Usb, benches: list[Bench]) -> None:
    file = usb.files / "video0"
    file.touch()
    benches.append(bench := Bench({"wrist": plugged(file)}))
    bench.stop()
    bench.returns()


# -- locks and configurations -------------------------------------------------------------------------


def test_the_lock_follows_a_camera_whose_link_went_with_its_cable(file: Path, benches: list[Bench]) -> None:
    link, other = file.parent / "usb-CAMERA", file.parent / "video2"
    link.symlink_to(file)
    with DeviceLocks({str(file): "wrist camera"}, {"session": "mine"}) as locks:
        benches.append(bench := Bench({"wrist": plugged(link)}, locks))
        link.unlink()
        file.unlink()
        bench.stop()
        bench.says(STOPPED)
        other.touch()
        link.symlink_to(other)
        bench.returns()
        assert locks.holds(str(other)) and not locks.holds(str(file))


class Forgetful(PluggedCamera):
    """Keeps no configuration once it is connected."""

    def connect(self, warmup: bool = True) -> None:
        super().connect(warmup)
        del self.config


def test_a_camera_that_keeps_no_configuration_is_opened_with_that_of_its_robot(
    file: Path, benches: list[Bench]
) -> None:
    config = PluggedCameraConfig(**SIZE, index_or_path=str(file))
    benches.append(bench := Bench({"wrist": Forgetful(config)}, wrist=config))
    bench.stop()
    bench.returns()
    assert type(bench.devices.cameras["wrist"]) is PluggedCamera


def test_nobody_is_asked_to_plug_in_a_camera_that_cannot_be_opened_again(file: Path, benches: list[Bench]) -> None:
    benches.append(bench := Bench({"wrist": Forgetful(PluggedCameraConfig(**SIZE, index_or_path=str(file)))}))
    bench.stop()
    trouble = bench.back.trouble
    assert "its driver keeps no configuration with which it could be opened again" in str(trouble)
    assert trouble.answer == "end the session and start it again"


# -- slow ports, and the way to tell two cameras apart ------------------------------------------------


def test_another_camera_at_a_file_says_how_its_port_is_called(usb: Usb, benches: list[Bench]) -> None:
    wrist = usb.plug("video0", "1-2")
    benches.append(bench := Bench({"wrist": plugged(wrist)}))
    usb.unplug("video0")
    bench.stop()
    link = usb.files / "v4l" / "by-path" / "pci-usb-0:3:1.0-video-index0"
    link.parent.mkdir(parents=True)
    link.symlink_to(usb.plug("video0", "1-3"))
    bench.says(
        f"plug each into the USB port that it had; from the next session on, `index_or_path` can name {THE_PORT}"
    )
    bench.says(str(link))


THE_PORT = "the port that it has now: "


@pytest.mark.parametrize(("version", "slow"), [("2.1", True), ("3.2", False), ("", False)])
def test_a_realsense_on_usb_2_is_told_when_its_session_begins(
    version: str, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RealSenseCamera, "usb", version)
    monkeypatch.setattr(RealSenseCamera, "plugged_in", {"0123"})
    camera = RealSenseCamera(RealSenseCameraConfig(**SIZE, serial_number_or_name="0123"))
    robot = SimpleNamespace(bus=object(), cameras={"wrist": camera}, config=SimpleNamespace(cameras={}))
    said: list[str] = []
    assert set(_connect_cameras(Cameras(robot), {}, said, lambda _: None)) == {"wrist"}
    camera.disconnect()
    text = "wrist is on USB 2 (480 Mbit/s): 16x12 at 30 fps may not arrive; plug it into a USB 3 port"
    assert said == ([text] if slow else [])


class PipeCamera(PluggedCamera):
    """Has its file open while it is connected."""

    def connect(self, warmup: bool = True) -> None:
        super().connect(warmup)
        self._end = os.open(str(self.config.index_or_path), os.O_RDONLY | os.O_NONBLOCK)

    def disconnect(self) -> None:
        os.close(self._end)
        super().disconnect()


@pytest.mark.parametrize("another_is_there", [True, False])
def test_a_pipe_is_opened_again_only_if_it_is_not_the_one_that_ended(
    tmp_path: Path, benches: list[Bench], another_is_there: bool
) -> None:
    file = tmp_path / "overhead.y4m"
    os.mkfifo(file)
    camera = PipeCamera(PluggedCameraConfig(**SIZE, index_or_path=str(file)))
    benches.append(bench := Bench({"wrist": camera}))
    if another_is_there:  # as services.sim.streams does once it is read
        os.mkfifo(tmp_path / "fresh")
        (tmp_path / "fresh").replace(file)
    trouble = camera_trouble({"wrist": camera}, RuntimeError(f"{camera} read thread is not running"))
    assert isinstance(trouble, CameraTrouble) and trouble.why == f"its stream {file} has ended"
    bench.back.search("wrist", trouble.why)
    if another_is_there:
        assert trouble.answer == ""
        bench.returns()
    else:
        assert trouble.answer == bench.back.trouble.answer == START_AGAIN

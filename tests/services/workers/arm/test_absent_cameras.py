"""A camera that is not there is named with the reason and what to do, before any arm gets torque."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tests.support.stripedcamera  # noqa: F401  # registers the camera
from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.requests import BenchRequest, Purpose, RecordRequest
from services.sim.servos.emulator import Emulator
from services.workers import record
from services.workers.arm import devices as dev
from services.workers.arm.run_arm import run_armed
from services.workers.process.run_worker import CannotStart
from tests.support.phase_walk import Workers
from tests.support.servo_session import ServoSession, profile
from tests.support.servos import emulated, torque, wait_longer

CAMERA = {"type": "striped_camera", "width": 16, "height": 12, "fps": 30}
WEBCAM = {"type": "opencv", "index_or_path": "/dev/video77", "width": 640, "height": 480, "fps": 30}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    wait_longer(monkeypatch)
    with emulated("follower", "leader:leader") as made:
        yield made


def refusal(bench: Emulator, root: Path, cameras: dict[str, Any]) -> tuple[str, list[str]]:
    workers = Workers(root)
    request = RecordRequest(
        data_dir=str(root), profile=profile(bench, cameras=cameras), dataset="demo", task="fold", operator="anna"
    )
    try:
        with pytest.raises(CannotStart) as caught:
            record.body(workers.context, request)
    finally:
        workers.close()
    shown = [e.detail for e in read_events(workers.context.run.events) if isinstance(e, ev.PhaseChanged)]
    return str(caught.value), shown


def test_a_recording_without_a_camera_of_its_bench_is_refused_before_the_arm_is_touched(
    bench: Emulator, tmp_path: Path
) -> None:
    began = time.monotonic()
    text, _ = refusal(bench, tmp_path / "a", {"wrist": CAMERA, "overhead": WEBCAM})
    assert text == (
        "overhead: /dev/video77 is not there; plug it in, or correct `index_or_path` in lab.toml. No arm was "
        "connected; to record without that camera, take overhead out of the bench in lab.toml"
    )
    text, shown = refusal(bench, tmp_path / "b", {"wrist": CAMERA | {"broken": "no USB"}, "overhead": CAMERA})
    assert text.startswith("wrist: no USB. No arm was connected; to record without")
    assert [step for step in shown if "connecting" in step] == [
        "connecting the camera wrist", "connecting the camera overhead",
    ], "a camera that takes 15 s is named meanwhile"  # fmt: skip
    assert torque(bench) == "000000"
    assert not bench.arms["follower"].log.since(began), "nobody asked it anything"


def test_an_arm_is_moved_without_a_camera_of_its_bench(bench: Emulator, tmp_path: Path) -> None:
    session = ServoSession(tmp_path / "lab", profile(bench, cameras={"overhead": WEBCAM})).ready()
    assert session.context.phase is Phase.IDLE
    assert session.context.devices.absent
    session.terminate()


def test_what_prevents_a_session_after_its_arm_was_connected_says_what_the_torque_is(
    bench: Emulator, tmp_path: Path
) -> None:
    workers = Workers(tmp_path)

    def make(*_: Any) -> Any:
        raise CannotStart("the policy cannot be used: it is broken")

    request = BenchRequest(data_dir=str(tmp_path), profile=profile(bench), purpose=Purpose.TELEOPERATE)
    with pytest.raises(CannotStart, match=r"it is broken; torque is on$"):
        run_armed(workers.context, request, load=lambda: make)
    assert torque(bench) == "111111"
    workers.close()


def test_what_a_robot_with_its_cameras_does_not_fit_is_refused_with_the_cameras_closed(bench: Emulator) -> None:
    seen: list[Any] = []

    def refuse(devices: dev.Devices) -> None:
        seen.extend(devices.cameras.values())
        assert "wrist" in devices.robot.observation_features
        raise CannotStart("the policy needs another camera")

    with pytest.raises(CannotStart):
        dev.connect(profile(bench, cameras={"wrist": CAMERA}), arm_only=False, progress=lambda _: None, fits=refuse)
    assert len(seen) == 1 and not seen[0].is_connected
    assert torque(bench) == "000000"

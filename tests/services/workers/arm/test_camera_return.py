"""Cameras that are pulled out and plugged in again within a session: LeRobot's OpenCVCamera, on emulated servos."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lerobot.cameras.opencv import OpenCVCamera
from lerobot.datasets import LeRobotDataset

from services.bench.device_locks import DeviceLocks
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.sim.servos.emulator import Emulator
from sessions.models import EndedBy
from tests.support.fifo_camera import QUICK, FifoCamera
from tests.support.servo_session import RecordSession, ServoSession, profile, until
from tests.support.servos import goals_written, torque, wait_longer

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""LeRobot's read thread ends by an error."""
STOPPED = "overhead: no pictures (read thread is not running)"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", QUICK)
    monkeypatch.setattr("services.workers.arm.debounce.AFTER_STOP_S", 0.2)
    monkeypatch.setattr("services.workers.arm.camera_return.EVERY_S", 0.2)
    wait_longer(monkeypatch, 150.0)


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[dict[str, FifoCamera]]:
    made = {name: FifoCamera(tmp_path / f"{name}.mjpeg") for name in ("overhead", "wrist")}
    yield made
    for camera in made.values():
        camera.unplug()


@pytest.fixture
def session(bench: Emulator, cameras: dict[str, FifoCamera], tmp_path: Path) -> Iterator[ServoSession]:
    tables = {name: camera.table for name, camera in cameras.items()}
    made = ServoSession(tmp_path / "lab", profile(bench, cameras=tables)).ready()
    assert made.context.devices.absent == {}
    yield made
    if made.running:
        made.terminate()


@pytest.fixture
def recording(bench: Emulator, cameras: dict[str, FifoCamera], tmp_path: Path) -> Iterator[RecordSession]:
    made = RecordSession(tmp_path / "lab", profile(bench, cameras={"overhead": cameras["overhead"].table}))
    made.ready()
    yield made
    if made.running:
        made.terminate()


def cleared(session: ServoSession) -> bool:
    return any(e.source == AlarmSource.OBSERVATION for e in session.events(ev.AlarmCleared))


def test_a_camera_is_opened_again_while_the_arm_goes_on_being_held(
    bench: Emulator, session: ServoSession, cameras: dict[str, FifoCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting, go_on = threading.Event(), threading.Event()
    connect = OpenCVCamera.connect

    def connect_late(camera: OpenCVCamera) -> None:
        connecting.set()
        assert go_on.wait(10)
        connect(camera)

    monkeypatch.setattr(OpenCVCamera, "connect", connect_late)
    session.follow()
    cameras["overhead"].unplug()
    session.until(Phase.HELD)
    assert session.alarms(AlarmSource.OBSERVATION) == [STOPPED]
    time.sleep(0.6)
    assert not cleared(session) and not connecting.is_set()
    code, words = session.ask(protocol.Follow())
    assert code is Code.TROUBLE and "observation does not work yet" in words
    cameras["overhead"].plug()
    until(connecting.is_set)
    began, ticks = time.monotonic(), session.context.ticks
    until(lambda: len(goals_written(bench.arms["follower"], began)) > 10 and session.context.ticks > ticks + 10)
    assert not cleared(session)
    go_on.set()
    until(lambda: cleared(session))
    assert not session.alarms(AlarmSource.FOLLOWER)
    assert torque(bench) == "111111" and session.torque
    session.follow()
    assert set(session.context.devices.cameras) == {"overhead", "wrist"}
    before = len(session.alarms(AlarmSource.OBSERVATION))
    cameras["overhead"].unplug()
    until(lambda: session.alarms(AlarmSource.OBSERVATION)[before:] == [STOPPED])
    session.until(Phase.HELD)


def test_each_missing_camera_is_named_until_it_is_surely_back(
    session: ServoSession, cameras: dict[str, FifoCamera], tmp_path: Path
) -> None:
    seen = 0

    def alarm(text: str) -> None:
        """Wait for the next alarm with this text; a reopening that fails for a moment raises others between."""
        nonlocal seen

        def found() -> list[int]:
            alarms = session.alarms(AlarmSource.OBSERVATION)
            return [i for i in range(seen, len(alarms)) if text in alarms[i]]

        until(lambda: bool(found()))
        seen = found()[0] + 1

    camera, wrist = cameras["overhead"], cameras["wrist"]
    camera.unplug()
    alarm(STOPPED)
    wrist.unplug()
    alarm(f"{STOPPED}; {STOPPED.replace('overhead', 'wrist')}")
    wrist.plug()
    until(lambda: session.context.readings.cameras.missing == ("overhead",))
    camera.plug((480, 640))
    alarm(f"overhead: no pictures (another camera is at {camera.path}: it gives 640x480 pixels, not 320x240)")
    camera.unplug()
    alarm(STOPPED)
    new = FifoCamera(tmp_path / "video7", (240, 320))
    key = os.path.realpath(new.path)
    with DeviceLocks({key: "overhead camera"}, {"session": "another"}):
        camera.path.symlink_to(new.path)  # as links in /dev/v4l/by-id do
        alarm("it is back, but overhead camera is held by session another")
    assert not cleared(session)
    until(lambda: cleared(session))
    locks = session.context.devices.locks
    assert locks is not None and locks.holds(key) and not locks.holds(str(tmp_path / "overhead.mjpeg"))
    new.unplug()


def test_a_stream_that_ends_is_called_that_and_goes_on_once_another_is_there(
    session: ServoSession, cameras: dict[str, FifoCamera]
) -> None:
    camera = cameras["overhead"]
    session.follow()
    camera.end_stream()
    session.until(Phase.HELD)
    text = f"overhead: no pictures (its stream {camera.path} has ended)"
    until(lambda: session.alarms(AlarmSource.OBSERVATION) == [text])
    (alarm,) = (e for e in session.events(ev.AlarmRaised) if e.source == AlarmSource.OBSERVATION)
    assert alarm.answer == "end the session and start it again"
    time.sleep(0.6)
    assert not cleared(session), "nobody opens it, which would wait for ever and let no other camera be opened"
    camera.unplug()
    camera.plug()
    until(lambda: cleared(session))
    session.follow()


def test_a_take_without_a_camera_is_kept_with_its_reason_and_the_next_one_has_its_pictures(
    bench: Emulator, recording: RecordSession, cameras: dict[str, FifoCamera], tmp_path: Path
) -> None:
    session = recording
    session.follow()
    session.start_take()
    cameras["overhead"].unplug()
    lost = session.episode()
    assert "failed" in lost.flags and session.alarms(AlarmSource.OBSERVATION) == [STOPPED]
    (ended,) = session.events(ev.TakeEnded)
    assert ended.reason is EndedBy.FAILED and session.events(ev.Held)[-1].why == STOPPED
    session.until(Phase.HELD)
    assert torque(bench) == "111111"
    cameras["overhead"].plug()
    until(lambda: cleared(session))
    session.follow()
    session.start_take()
    whole = session.end_take()
    assert whole.frames >= 5 and not {"failed", "stopped"} & set(whole.flags)
    session.terminate()
    episodes = LeRobotDataset("local/demo", root=tmp_path / "lab" / "datasets" / "demo")
    assert len(episodes) == lost.frames + whole.frames
    assert episodes[len(episodes) - 1]["observation.images.overhead"].shape == (3, 240, 320)

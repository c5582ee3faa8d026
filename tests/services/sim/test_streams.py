"""The simulated bench's views through LeRobot's own OpenCVCamera: pictures in a FIFO."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.cameras.opencv import OpenCVCamera, OpenCVCameraConfig

from services.bench.device_locks import device_keys
from services.sim.bench import with_its_views
from services.sim.client import WorldClient
from services.sim.launch import ensure_world
from services.sim.streams import QUICK
from tests.support.rig import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

READER = """
import sys, time
from lerobot.cameras.opencv import OpenCVCamera, OpenCVCameraConfig
camera = OpenCVCamera(OpenCVCameraConfig(index_or_path=sys.argv[1]))
camera.connect()
print("reads", flush=True)
time.sleep(60)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldClient]:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", QUICK)
    client = ensure_world(tmp_path)
    yield client
    with suppress(ConnectionError):
        client.shutdown()


def opened(world: WorldClient, view: str = "overhead", warmup_s: int = 0) -> Any:
    table = with_its_views(
        world.place.data_dir, {"cameras": {"it": {"index_or_path": f"sim:{view}", "width": 9, "fps": 9}}}
    )["cameras"]["it"]
    camera = OpenCVCamera(OpenCVCameraConfig(warmup_s=warmup_s, **table))
    camera.connect()
    return camera


def test_lerobots_camera_sees_what_is_painted_at_its_size_and_rate(world: WorldClient) -> None:
    world.apply({}, 30, streams={"overhead": (320, 240), "wrist": (640, 480)})
    painted = world.camera("wrist", 640, 480)
    read = opened(world, "wrist")
    small = opened(world)
    assert (read.width, read.height, read.fps) == (640, 480, 30)
    assert (small.width, small.height) == (320, 240)
    wait_until(lambda: painted.latest() is not None, 20)
    shot = painted.latest()
    assert shot is not None
    seen = read.async_read(timeout_ms=5000)
    assert np.abs(seen.astype(int) - shot[0]).mean() < 8, "also the colours: all but noise stays"
    for camera in (read, small):
        assert camera.async_read(timeout_ms=5000).any()
        camera.disconnect()
    painted.close()


def test_each_reader_gets_a_stream_from_its_beginning(world: WorldClient) -> None:
    world.apply({}, 30, streams={"overhead": (64, 48)})
    for _ in range(3):
        camera = opened(world)
        assert camera.async_read(timeout_ms=5000).shape == (48, 64, 3)
        camera.disconnect()
    path = str(world.place.cameras / "overhead")
    with subprocess.Popen([sys.executable, "-c", READER, path], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None and killed.stdout.readline() == b"reads\n"
        killed.send_signal(signal.SIGKILL)
    camera = opened(world)
    assert camera.async_read(timeout_ms=5000).any()

    world.apply({}, 30, streams={"overhead": (96, 72)})  # the next session
    wait_until(lambda: not camera.thread.is_alive(), 20, "the old stream ends")
    camera.disconnect()
    camera = opened(world)
    assert camera.async_read(timeout_ms=5000).shape == (72, 96, 3)
    camera.disconnect()
    world.apply({}, 30)
    assert not Path(path).exists()


def test_a_camera_that_fails_ends_its_stream_and_comes_back(world: WorldClient) -> None:
    fault = {"kind": "raise", "device": "overhead", "frame": 10, "frames": 20}
    world.apply({"faults": [fault]}, 30, streams={"overhead": (64, 48)})
    camera = opened(world)
    world.take_started(1)
    wait_until(lambda: not camera.thread.is_alive(), 20, "it goes on")
    camera.disconnect()
    wait_until(lambda: world.state().frame > 40, 20)
    camera = opened(world, warmup_s=1)
    assert camera.async_read(timeout_ms=5000).any()
    camera.disconnect()


def test_what_cannot_be_is_refused_and_a_view_is_part_of_the_one_bench(world: WorldClient) -> None:
    for streams in ({"overhead": (63, 48)}, {"behind": (64, 48)}):
        with pytest.raises(ValueError, match=r"even width|behind"):
            world.apply({}, 30, streams=streams)
    robot = {
        "type": "so101_follower",
        "port": "sim",
        "cameras": {"a": {"type": "opencv", "index_or_path": "sim:wrist"}},
    }
    assert list(device_keys(robot, {}, Path("/x"))) == ["sim:/x"]
    assert with_its_views(Path("/x"), {"cameras": {"b": {"index_or_path": 0}}}) == {
        "cameras": {"b": {"index_or_path": 0}}
    }

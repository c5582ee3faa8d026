"""The world process: what it keeps, when it leaves, what its clients see."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from services.sim.arm import HOME
from services.sim.client import WorldClient
from services.sim.launch import ensure_world
from services.sim.place import _answers, place_of, sweep
from services.sim.settings import SettingsProblem
from services.sim.shared import HEIGHT, WIDTH, SharedMemory
from services.sim.wire import DeviceFault


def until(happened: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.01)
    return happened()


def runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    with suppress(ConnectionError):
        WorldClient(tmp_path).shutdown()


def test_the_world_starts_fast_without_torch_and_cleans_up(data_dir: Path) -> None:
    began = time.monotonic()
    with ensure_world(data_dir) as world:
        assert time.monotonic() - began < 5.0  # 0.6 s alone; other tests may run beside this one
        pid, place = world.state().pid, world.place
        assert pid != os.getpid()
        loaded = Path(f"/proc/{pid}/maps")
        if loaded.exists():
            assert "libtorch" not in loaded.read_text()
        assert place.socket.stat().st_mode & 0o777 == 0o600
        assert place.socket.parent.stat().st_mode & 0o777 == 0o700
        world.shutdown()
    assert until(lambda: not runs(pid))
    assert not place.socket.exists()
    assert not place.memory.exists()
    with pytest.raises(ConnectionError, match="it is not running"):
        WorldClient(data_dir)


def test_it_outlives_its_client_and_keeps_goals_and_torque(data_dir: Path) -> None:
    with ensure_world(data_dir) as world:
        world.command(HOME.tolist())
        world.set_torque(True)
    with ensure_world(data_dir) as world:
        first = world.state()
        assert until(lambda: np.abs(np.array(world.joints()) - HOME).max() < 1)
        world.apply({"seed": 3}, 30)
        later = world.state()
        assert later.pid == first.pid
        assert later.time > first.time
        assert later.torque
        assert later.goals == pytest.approx(HOME.tolist())
        assert world.goal_log(10)[-1].goals == pytest.approx(HOME.tolist())


def test_two_starters_meet_in_one_world(data_dir: Path) -> None:
    pids: list[int] = []

    def start() -> None:
        with ensure_world(data_dir) as world:
            pids.append(world.state().pid)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 3
    assert len(set(pids)) == 1


def test_each_data_folder_has_its_own_world(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    with ensure_world(data_dir) as here, ensure_world(other) as there:
        assert here.state().pid != there.state().pid
        there.shutdown()
        assert here.state().pid


def test_it_leaves_when_nobody_is_connected(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONSOLE_SIM_IDLE_S", "0.3")
    world = ensure_world(data_dir)
    pid = world.state().pid
    time.sleep(1.0)
    assert world.state().pid == pid  # somebody is connected
    world.close()
    assert until(lambda: not runs(pid))
    assert not world.place.memory.exists()


def test_who_only_looks_whether_it_lives_does_not_keep_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONSOLE_SIM_IDLE_S", "1.0")
    world = ensure_world(data_dir)
    pid, place = world.state().pid, world.place
    world.close()

    def looked_again() -> bool:
        _answers(place.socket)
        return not runs(pid)

    assert until(looked_again)


def test_it_leaves_on_sigterm_and_when_its_folder_is_gone(tmp_path: Path) -> None:
    world = ensure_world(tmp_path / "a")
    pid = world.state().pid
    os.kill(pid, signal.SIGTERM)
    assert until(lambda: not runs(pid))
    assert not world.place.socket.exists()
    world = ensure_world(tmp_path / "b")
    pid = world.state().pid
    shutil.rmtree(tmp_path / "b")
    assert until(lambda: not runs(pid))
    assert not world.place.socket.exists()


def test_a_killed_world_is_an_error_at_once_and_a_new_one_starts(data_dir: Path) -> None:
    world = ensure_world(data_dir)
    camera = world.camera("wrist", WIDTH, HEIGHT)
    assert until(lambda: camera.latest() is not None)
    os.kill(world.state().pid, signal.SIGKILL)
    began = time.monotonic()
    assert until(lambda: not runs_still(world), 0.5)
    for use in (world.joints, camera.latest, lambda: world.command([0.0] * 6)):
        with pytest.raises(ConnectionError, match=f"the simulated bench of {data_dir} stopped: "):
            use()
    assert time.monotonic() - began < 1.0
    camera.close()
    with ensure_world(data_dir) as again:
        assert again.state().take == 0


def runs_still(world: WorldClient) -> bool:
    try:
        world.check()
    except ConnectionError:
        return False
    return True


def test_a_world_that_does_not_answer_is_an_error_within_half_a_second(data_dir: Path) -> None:
    world = ensure_world(data_dir)
    pid = world.state().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        took = []
        for _ in range(3):  # the machine may be busy: the quickest counts
            began = time.monotonic()
            with pytest.raises(ConnectionError, match=r"no answer within 0.4 s"):
                world.joints()
            took.append(time.monotonic() - began)
        assert min(took) < 0.8
    finally:
        os.kill(pid, signal.SIGCONT)


def test_answers_that_came_too_late_are_not_taken_for_later_ones(data_dir: Path) -> None:
    with ensure_world(data_dir) as world:
        state = world.state()
        os.kill(state.pid, signal.SIGSTOP)
        try:
            for late in (world.joints, world.leader, world.state):
                with pytest.raises(ConnectionError, match="no answer"):
                    late()
        finally:
            os.kill(state.pid, signal.SIGCONT)
        assert world.state().pid == state.pid
        assert len(world.joints()) == 6
        world.check()


def test_wrong_settings_and_nonsense_are_refused_and_the_world_lives(data_dir: Path) -> None:
    with ensure_world(data_dir) as world:
        with pytest.raises(SettingsProblem, match="strategy"):
            world.apply({"strategy": "shove"}, 30)
        with pytest.raises(ValueError, match="no camera view"):
            world.watch("side")
        with pytest.raises(ValueError, match="does not understand"):
            world.command([1.0])
        with pytest.raises(ValueError, match="finite"):
            world.command([float("nan")] * 6)
        assert world.state().pid


def test_cameras_are_painted_only_while_watched(data_dir: Path) -> None:
    with ensure_world(data_dir) as world:
        children = Path(f"/proc/{world.state().pid}/task/{world.state().pid}/children")
        camera = world.camera("overhead", 320, 240)
        assert until(lambda: camera.latest() is not None)
        shot = camera.latest()
        assert shot is not None
        assert shot[0].shape == (240, 320, 3)
        first = camera.newest()
        assert until(lambda: camera.newest() > first + 10)
        assert world.state().cameras == ("overhead",)
        if children.exists():
            assert children.read_text().split()
        camera.close()
        assert until(lambda: world.state().cameras == ())
        if children.exists():
            assert until(lambda: not children.read_text().split())


def test_camera_faults_reach_the_watcher(data_dir: Path) -> None:
    faults = [
        {"kind": "black", "device": "overhead", "episode": 1},
        {"kind": "raise", "device": "wrist", "episode": 1, "message": "cable pulled"},
    ]
    with ensure_world(data_dir) as world:
        overhead, wrist = world.camera("overhead", WIDTH, HEIGHT), world.camera("wrist", WIDTH, HEIGHT)
        world.apply({"faults": faults}, 30)
        assert until(lambda: overhead.latest() is not None and wrist.latest() is not None)
        assert overhead.latest()[0].any()  # type: ignore[index]
        world.take_started(1)
        assert until(lambda: not overhead.latest()[0].any())  # type: ignore[index]

        def failed() -> bool:
            try:
                wrist.latest()
            except DeviceFault as fault:
                return "cable pulled" in str(fault)
            return False

        assert until(failed)
        overhead.close()
        wrist.close()


def test_no_torn_frame_is_ever_read(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    memory = SharedMemory(path, create=True)
    writer = (
        "import sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from services.sim.shared import *\n"
        "memory = SharedMemory(Path(sys.argv[1]))\n"
        "end = time.monotonic() + 2.0\n"
        "n = 0\n"
        "while time.monotonic() < end:\n"
        "    n += 1\n"
        "    memory.write_frame('wrist', np.full((HEIGHT, WIDTH, 3), n % 251, np.uint8), n)\n"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", writer, str(path)])
    seen = set()
    while process.poll() is None:
        shot = memory.read_frame("wrist")
        if shot is not None:
            seen.add(shot.number)
            assert shot.pixels.min() == shot.pixels.max() == shot.taken_ns % 251
    assert process.returncode == 0
    assert len(seen) > 20


def test_client_and_world_import_neither_torch_nor_lerobot() -> None:
    script = (
        "import json, sys\n"
        "import services.sim.launch\n"
        "client = sorted(sys.modules)\n"
        "import services.sim.world\n"
        "print(json.dumps([client, sorted(sys.modules)]))\n"
    )
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    client, world = (set(names) for names in json.loads(run.stdout))
    assert not client & {"torch", "lerobot", "mujoco", "cv2", "textual"}
    assert not world & {"torch", "lerobot", "textual"}
    assert "mujoco" in world


def test_the_place_is_short_private_and_depends_on_the_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    assert len(str(place_of(deep).socket)) < 90
    assert place_of(deep).socket != place_of(tmp_path).socket
    assert place_of(tmp_path / "a" / "..").socket == place_of(tmp_path).socket


def test_what_killed_worlds_left_is_swept_and_live_ones_are_not(data_dir: Path, tmp_path: Path) -> None:
    with ensure_world(data_dir) as world:
        left = tmp_path / "sim-dead.frames"
        left.touch()
        mine = tmp_path / world.place.memory.name
        mine.touch()
        (tmp_path / world.place.socket.name).symlink_to(world.place.socket)
        sweep(tmp_path, tmp_path, older_than_s=-1)
        assert not left.exists()
        assert mine.exists()

"""The LeRobot classes over the bench, made by LeRobot's own factories."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.robots import RobotConfig
from lerobot.robots.utils import make_robot_from_config
from lerobot.teleoperators import TeleoperatorConfig
from lerobot.teleoperators.utils import make_teleoperator_from_config
from lerobot.utils.errors import DeviceNotConnectedError

from services.sim import bench
from services.sim.arm import HOME, JOINTS, REST
from services.sim.client import WorldClient
from services.sim.config_devices import SimCameraConfig, SimFollowerConfig, SimLeaderConfig
from services.sim.wire import DeviceFault

FPS = 30


@pytest.fixture(autouse=True)
def calibration_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lerobot.robots.robot.HF_LEROBOT_CALIBRATION", tmp_path / "calibration")
    monkeypatch.setattr("lerobot.teleoperators.teleoperator.HF_LEROBOT_CALIBRATION", tmp_path / "calibration")


@pytest.fixture
def real_time(tmp_path: Path) -> Iterator[Path]:
    bench.prepare(tmp_path, {}, lockstep=False, fps=FPS)
    yield tmp_path
    with suppress(ConnectionError):
        WorldClient(tmp_path).shutdown()


def follower(cameras: tuple[str, ...] = (), **config: Any) -> Any:
    size: dict[str, Any] = {"width": 160, "height": 120, "fps": FPS}
    views = {view: SimCameraConfig(view=view, **size) for view in cameras}
    return make_robot_from_config(SimFollowerConfig(id="sim", cameras=views, **config))


def leader() -> Any:
    return make_teleoperator_from_config(SimLeaderConfig(id="sim"))


def demonstrate(take: int, robot: Any, teleop: Any, seconds: float = 7.5) -> list[dict[str, Any]]:
    """Drive one take as a worker does; returns the observations."""
    for device in (robot, teleop):
        device.take_started(take)
    seen = []
    for _ in range(int(seconds * FPS)):
        seen.append(robot.get_observation())
        robot.send_action(teleop.get_action())
    for device in (robot, teleop):
        device.take_ended(take)
    return seen


def test_the_types_are_registered() -> None:
    assert RobotConfig.get_choice_class("sim_so101_follower") is SimFollowerConfig
    assert TeleoperatorConfig.get_choice_class("sim_so101_leader") is SimLeaderConfig


def test_lockstep_records_a_placement_through_lerobots_interface(tmp_path: Path) -> None:
    bench.prepare(tmp_path, {"seed": 1}, lockstep=True, fps=FPS)
    robot, teleop = follower(("overhead", "wrist"), environment_state=True), leader()
    robot.connect(calibrate=False)
    teleop.connect()
    seen = demonstrate(1, robot, teleop)
    assert bench.oracle().cube_in_bowl
    assert bench.current_plant().cube_in_bowl
    assert set(seen[0]) == set(robot.observation_features)
    assert robot.observation_features["wrist"] == (120, 160, 3)
    assert list(robot.action_features) == [f"{name}.pos" for name in JOINTS]
    assert seen[0]["wrist"].shape == (120, 160, 3)
    assert seen[-1]["cube.z"] < 0.04
    robot.disconnect()
    assert not bench.oracle().torque
    with pytest.raises(DeviceNotConnectedError):
        robot.get_observation()


def test_lockstep_gives_the_same_observations_for_the_same_seed(tmp_path: Path) -> None:
    def run() -> list[dict[str, Any]]:
        bench.prepare(tmp_path, {"seed": 5, "jerkiness": 0.2}, lockstep=True, fps=FPS)
        robot, teleop = follower(("wrist",)), leader()
        robot.connect(calibrate=False)
        teleop.connect()
        return [o for take in (1, 2) for o in demonstrate(take, robot, teleop, 1.0)]

    first, second = run(), run()
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[key], other[key]) for key in one)


def test_connect_moves_nothing_and_max_relative_target_shortens_goals(tmp_path: Path) -> None:
    bench.prepare(tmp_path, {}, lockstep=True, fps=FPS)
    robot = follower(max_relative_target=5)
    robot.connect(calibrate=False)
    before = robot.bus.sync_read("Present_Position")
    assert bench.oracle().torque
    assert [before[name] for name in JOINTS] == pytest.approx(REST.tolist(), abs=6)
    sent = robot.send_action({f"{name}.pos": value for name, value in zip(JOINTS, HOME, strict=True)})
    assert sent["shoulder_lift.pos"] == pytest.approx(before["shoulder_lift"] + 5, abs=0.5)
    assert robot.bus.sync_read("Goal_Position", "shoulder_lift").keys() == {"shoulder_lift"}


def test_a_disconnect_may_leave_the_torque_on(tmp_path: Path) -> None:
    bench.prepare(tmp_path, {}, lockstep=True, fps=FPS)
    robot = follower(disable_torque_on_disconnect=False)
    robot.connect(calibrate=False)
    robot.disconnect()
    assert bench.oracle().torque


def test_real_time_bench_serves_robot_leader_and_cameras(real_time: Path) -> None:
    robot, teleop = follower(("overhead", "wrist")), leader()
    robot.connect(calibrate=False)
    teleop.connect()
    ahead = robot.get_observation()
    assert ahead["overhead"].shape == (120, 160, 3)
    goal = dict(zip((f"{name}.pos" for name in JOINTS), HOME.tolist(), strict=True))
    assert robot.send_action(goal) == goal
    deadline = time.monotonic() + 5
    while abs(robot.get_observation()["shoulder_lift.pos"] - HOME[1]) > 1 and time.monotonic() < deadline:
        time.sleep(0.03)
    assert robot.get_observation()["shoulder_lift.pos"] == pytest.approx(HOME[1], abs=1)
    first = robot.cameras["wrist"].async_read(timeout_ms=1000)
    second = robot.cameras["wrist"].async_read(timeout_ms=1000)
    assert not np.array_equal(first, second)
    assert teleop.get_action()["gripper.pos"] == pytest.approx(50, abs=5)
    robot.disconnect()
    teleop.disconnect()
    assert not bench.oracle().torque


def test_devices_of_a_killed_world_raise_connection_error(real_time: Path) -> None:
    robot, teleop = follower(("wrist",)), leader()
    robot.connect(calibrate=False)
    teleop.connect()
    os.kill(bench.oracle().pid, signal.SIGKILL)
    for use in (robot.get_observation, teleop.get_action, robot.cameras["wrist"].read_latest):
        began = time.monotonic()
        with pytest.raises(ConnectionError, match=r"the simulated bench of .* stopped"):
            use()
        assert time.monotonic() - began < 0.6
    with pytest.raises(ConnectionError):
        robot.disconnect()
    assert not robot.is_connected
    assert not robot.cameras["wrist"].is_connected


def test_a_slow_camera_runs_into_lerobots_age_limit(tmp_path: Path) -> None:
    slow = {"kind": "slow", "device": "wrist", "episode": 1, "fps": 0.5}
    bench.prepare(tmp_path, {"faults": [slow]}, lockstep=False, fps=FPS)
    robot = follower(("wrist",))
    robot.connect(calibrate=False)
    robot.take_started(1)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="ms old"):
        while time.monotonic() < began + 3:
            robot.get_observation()
            time.sleep(0.03)
    robot.disconnect()
    WorldClient(tmp_path).shutdown()


def test_a_raising_leader_raises_through_lerobots_interface(tmp_path: Path) -> None:
    bench.prepare(tmp_path, {"faults": [{"kind": "raise", "device": "leader"}]}, lockstep=True, fps=FPS)
    teleop = leader()
    teleop.connect()
    teleop.get_action()
    teleop.take_started(1)
    with pytest.raises(DeviceFault):
        teleop.get_action()


def test_a_camera_view_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="overhead and wrist"):
        SimCameraConfig(view="side")

"""The simulated bench behind serial ports: LeRobot's own drivers, servos that MuJoCo moves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig
from lerobot.teleoperators.so_leader import SO101Leader, SO101LeaderConfig

from services.bench.device_locks import device_keys
from services.bench.profiles import load_benches
from services.sim.arm import HOME, JOINTS, REST
from services.sim.bench import at_its_port, oracle, prepare
from services.sim.client import WorldClient
from services.sim.config_devices import ServoFollowerConfig
from services.sim.devices import ServoFollower
from services.sim.launch import ensure_world
from services.sim.servo_arms import ServoArms, pose_of, ticks_of
from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.port import ALIVE
from services.sim.settings import SettingsProblem, SimSettings
from services.sim.stage import Stage
from services.workers.arm.usb_port import NotSure, UsbPort
from sessions.locks import is_held
from tests.support.rig import wait_until
from tests.support.servos import wait_longer

NOW = 100.0


class Bench:
    """A stage and its servos, without a world: time passes when `run` says so."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(SimSettings(), 30)
        self.stage.plant.place_arm(HOME)
        self.arms = ServoArms(self.stage, folder)
        self.follower = self.arms.emulator.arms["follower"].chain
        self.now = NOW
        self.arms.advance(self.now)

    def write(self, servo: int, address: int, value: int, size: int = 2) -> None:
        self.follower.servos[servo].put(address, value, size)

    def goals(self, pose: np.ndarray) -> None:
        for servo, ticks in ticks_of(pose).items():
            self.write(servo, reg.GOAL_POSITION, round(ticks))

    def torque(self, *, on: bool, servos: tuple[int, ...] = tuple(range(1, 7))) -> None:
        for servo in servos:
            self.write(servo, reg.TORQUE_ENABLE, int(on), 1)

    def run(self, seconds: float) -> np.ndarray:
        for _ in range(round(seconds * 120)):
            self.now += 1 / 120
            self.arms.advance(self.now)
            self.stage.advance(4)
        return np.asarray(self.stage.plant.joints)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.arms.close()


def holding(bench: Bench) -> Bench:
    bench.goals(HOME)
    for servo in range(1, 7):
        bench.write(servo, reg.P_GAIN, 16, 1)
    bench.torque(on=True)
    bench.run(1)
    return bench


def test_degrees_and_ticks_are_lerobots() -> None:
    for pose in (HOME, REST, np.array([90.0, -90.0, 45.0, -45.0, 120.0, 100.0])):
        assert pose_of(ticks_of(pose)) == pytest.approx(pose)


def test_an_arm_without_torque_sinks_and_with_torque_it_holds(bench: Bench) -> None:
    held = holding(bench).run(2)
    assert np.abs(held - HOME).max() < 2
    bench.torque(on=False)
    assert np.abs(bench.run(1) - held).max() > 10


def test_one_servo_that_lets_go_sinks_alone(bench: Bench) -> None:
    held = holding(bench).run(0.5)
    bench.torque(on=False, servos=(3,))
    fallen = np.abs(bench.run(1) - held)
    assert fallen[2] > 10
    assert np.delete(fallen, 2).max() < 5


def test_a_torque_limit_that_does_not_bear_the_arm_lets_it_sink(bench: Bench) -> None:
    held = holding(bench).run(0.5)
    for servo in (2, 3, 4):
        bench.write(servo, reg.TORQUE_LIMIT, 20)
    assert np.abs(bench.run(1) - held).max() > 10


def test_a_softer_gain_hangs_lower(bench: Bench) -> None:
    stiff = holding(bench).run(1)
    for servo in range(1, 7):
        bench.write(servo, reg.P_GAIN, 4, 1)
    assert np.abs(bench.run(1) - HOME).max() > 2 * np.abs(stiff - HOME).max()


def test_a_servo_moves_no_faster_than_its_speed_limit(bench: Bench) -> None:
    holding(bench)
    before = bench.run(0.1)[0]
    bench.write(1, reg.GOAL_VELOCITY, 114)  # 10 degrees a second
    bench.goals(HOME + np.array([30.0, 0, 0, 0, 0, 0]))
    assert bench.run(1)[0] - before == pytest.approx(10, abs=1.5)


def test_torque_that_comes_on_far_from_its_goal_sets_out_from_where_the_shaft_is(bench: Bench) -> None:
    bench.goals(HOME + np.array([60.0, 0, 0, 0, 0, 0]))
    bench.run(0.1)
    before = bench.stage.plant.joints[0]
    bench.torque(on=True)
    assert bench.run(1 / 120)[0] - before < 3


def test_servos_take_over_an_arm_that_holds_as_it_was(tmp_path: Path) -> None:
    stage = Stage(SimSettings(), 30)
    stage.plant.place_arm(HOME)
    stage.set_torque(on=True)
    stage.advance(480)
    arms = ServoArms(stage, tmp_path)
    stand = arms.do(control.Look(arm="follower"))
    assert all(stand.torque.values())
    arms.advance(NOW)
    stage.advance(480)
    assert np.abs(stage.plant.joints - HOME).max() < 2
    arms.close()
    assert stage.plant.torque
    assert not list(tmp_path.glob("follower"))


# -- through the world's process and LeRobot's drivers -------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldClient]:
    client = ensure_world(tmp_path)
    client.apply({}, 30, servos=True)
    yield client
    with suppress(ConnectionError):
        client.shutdown()


def made(kind: Any, config: Any, world: WorldClient, arm: str) -> Any:
    table = at_its_port(world.place.data_dir, arm, {})
    device = kind(config(**table | {"calibration_dir": Path(table["calibration_dir"])}))
    device.bus.connect()
    return device


def positions(device: Any) -> np.ndarray:
    read = device.bus.sync_read("Present_Position", num_retry=3)
    return np.array([read[name] for name in JOINTS])


def test_lerobots_drivers_find_the_worlds_arms(world: WorldClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch)
    robot, leader = (
        made(SO101Follower, SO101FollowerConfig, world, "follower"),
        made(SO101Leader, SO101LeaderConfig, world, "leader"),
    )
    assert robot.is_calibrated
    assert leader.is_calibrated
    assert robot.calibration != leader.calibration, "as of any two arms: one of them edited is not the other"
    assert positions(robot) == pytest.approx(world.joints(), abs=0.2)
    assert positions(leader) == pytest.approx(world.leader(), abs=2), "a hand is never quite still"

    robot.configure()
    robot.bus.sync_write("Goal_Position", dict(zip(JOINTS, HOME.tolist(), strict=True)))
    wait_until(lambda: bool(np.abs(np.array(world.joints()) - HOME).max() < 2), 5)
    assert world.state().torque
    assert world.goal_log(5)[-1].goals == pytest.approx(tuple(HOME), abs=0.1)

    world.take_started(1)
    wait_until(lambda: bool(np.abs(positions(leader) - HOME).max() > 10), 8, "the hand does not move the leader")
    leader.bus.sync_write("Goal_Position", leader.bus.sync_read("Present_Position"))
    leader.bus.enable_torque()
    time.sleep(0.3)
    stiff = positions(leader)
    time.sleep(0.5)
    assert positions(leader) == pytest.approx(stiff, abs=0.5), "a hand does not move a leader with torque"

    world.do(control.Unplug(arm="follower"))
    with pytest.raises(Exception, match=r"."):
        robot.bus.sync_read("Present_Position")
    before = Path(robot.config.port)
    assert not before.exists()
    world.do(control.Plug(arm="follower"))
    assert before.exists()
    assert all(world.do(control.Look(arm="follower")).torque.values())

    world.apply({}, 30)
    assert not before.exists()
    assert world.state().torque
    with pytest.raises(ValueError, match="no servos"):
        world.do(control.Look(arm="follower"))


def test_the_cube_is_observed_beside_what_lerobots_own_driver_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_longer(monkeypatch)
    profile = load_benches(built_in=True).pick("so101-sim-state")
    prepare(tmp_path, profile.sim or {}, lockstep=False, fps=30, servos=True)
    table = at_its_port(tmp_path, "follower", {"id": "follower"})
    robot = ServoFollower(ServoFollowerConfig(**table | {"calibration_dir": Path(table["calibration_dir"])}))
    assert isinstance(robot, SO101Follower)
    try:
        robot.connect(calibrate=False)
        seen, state = robot.get_observation(), oracle()
        assert list(seen) == list(robot.observation_features)
        assert [seen[f"cube.{axis}"] for axis in "xyz"] == pytest.approx(state.cube[:3], abs=1e-3)
        assert [seen[f"{name}.pos"] for name in JOINTS] == pytest.approx(state.joints, abs=0.5)
        robot.disconnect()
    finally:
        with ensure_world(tmp_path) as client:
            client.shutdown()


def test_the_wire_is_as_the_settings_say(world: WorldClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch)
    world.apply({"bus": {"latency_ms": 8.0, "jitter_ms": 2.0}}, 30, servos=True)
    robot = made(SO101Follower, SO101FollowerConfig, world, "follower")
    positions(robot)
    began = time.monotonic()
    positions(robot)
    assert time.monotonic() - began >= 0.008
    world.apply({"bus": {"lost": 1.0}}, 30, servos=True)
    with pytest.raises(ConnectionError):
        robot.bus.sync_read("Present_Position")
    world.apply({}, 30, servos=True)
    positions(robot)
    with pytest.raises(SettingsProblem, match=r"bus\.lost"):
        world.apply({"bus": {"lost": 2.0}}, 30, servos=True)


def test_a_port_of_a_world_that_died_is_not_looked_for_any_more(world: WorldClient) -> None:
    """Its pseudo-terminal's number is given to the next program that wants one."""
    port = UsbPort(at_its_port(world.place.data_dir, "follower", {})["port"])
    assert port.find(()) == port.path
    os.kill(world.state().pid, signal.SIGKILL)
    wait_until(lambda: not is_held(world.place.servos / ALIVE), 5)
    strangers = [os.openpty() for _ in range(4)]
    try:
        assert Path(port.path).exists(), "somebody else's by now"
        with pytest.raises(NotSure, match="the emulated servos are gone, with the process that had them"):
            port.find(())
    finally:
        for end in (end for pair in strangers for end in pair):
            os.close(end)


def test_the_profile_is_one_device_with_the_simulated_robot_and_lockstep_is_not_for_it(tmp_path: Path) -> None:
    benches = load_benches(built_in=True)
    emulated, simulated = benches.profiles["so101-sim"], benches.profiles["sim"]
    assert emulated.emulated
    assert not simulated.emulated
    keys = device_keys(emulated.robot, emulated.teleop, tmp_path)
    assert keys == device_keys(simulated.robot, simulated.teleop, tmp_path)

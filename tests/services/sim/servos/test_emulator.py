"""LeRobot's unmodified SO-101 drivers on emulated servos, and what each fault looks like to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.sim.servos import control
from services.sim.servos.emulator import START, Emulator
from services.sim.servos.packets import Parser, status
from services.sim.servos.plant import Drive, SimplePlant
from services.sim.servos.process import Servos
from services.sim.servos.registers import GOAL_POSITION, HOMING_OFFSET, LOCK, MODEL, TORQUE_ENABLE, Registers
from tests.support.servos import emulated, follower, leader, torque, wait_longer


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch)


@pytest.fixture
def bench() -> Iterator[Emulator]:
    with emulated("follower", "leader:leader") as made:
        yield made


@pytest.fixture
def robot(bench: Emulator) -> Iterator[Any]:
    made = follower(bench)
    made.connect(calibrate=False)
    yield made
    if made.is_connected:
        made.bus.port_handler.closePort()


def settle(seconds: float = 0.35) -> None:
    time.sleep(seconds)


def test_lerobots_follower_connects_is_calibrated_reads_and_moves(bench: Emulator, robot: Any) -> None:
    assert robot.is_calibrated
    assert torque(bench) == "111111"
    goal = dict.fromkeys(robot.bus.motors, 20.0) | {"gripper": 80.0}
    robot.send_action({f"{name}.pos": value for name, value in goal.items()})
    settle()
    measured = robot.get_observation()
    assert {n: measured[f"{n}.pos"] for n in goal} == pytest.approx(goal, abs=0.2)
    servos = bench.arms["follower"].chain.servos
    assert [s.get(28) for s in servos.values()] == [500] * 5 + [250], "Protection_Current of the gripper"
    assert all(s.get(21, 1) == 16 and s.get(7, 1) == 0 for s in servos.values())


def test_lerobots_leader_is_limp_and_follows_the_hand(bench: Emulator) -> None:
    device = leader(bench)
    device.connect(calibrate=False)
    bench.do(control.Hand(arm="leader", ticks={1: START + 100.0}))
    assert device.get_action()["shoulder_pan.pos"] == pytest.approx(100 * 360 / 4095, abs=0.1)
    device.bus.write("Goal_Position", "shoulder_pan", START, normalize=False)
    device.bus.enable_torque("shoulder_pan")
    settle(0.3)
    assert device.get_action()["shoulder_pan.pos"] == pytest.approx(0, abs=0.2), "with torque on no hand moves it"
    device.disconnect()


def test_a_loaded_joint_hangs_off_its_goal_by_its_stiffness_and_sinks_when_limp(bench: Emulator, robot: Any) -> None:
    bench.do(control.Load(arm="follower", servo=2, sag=30.0))
    settle()
    assert bench.look("follower").position[2] == START + 30
    robot.bus.write("P_Coefficient", "shoulder_lift", 32)
    settle()
    assert bench.look("follower").position[2] == START + 15
    robot.bus.disable_torque("shoulder_lift")
    settle(0.2)
    assert bench.look("follower").position[2] > START + 60
    bench.do(control.SetRegister(arm="follower", servo=2, address=48, value=100))
    robot.bus.enable_torque("shoulder_lift")
    settle(0.2)
    assert bench.look("follower").position[2] > START + 100, "more load than the torque limit bears"


def test_a_held_object_blocks_the_gripper(bench: Emulator, robot: Any) -> None:
    bench.do(control.Block(arm="follower", servo=6, low=1500.0))
    robot.bus.write("Goal_Position", "gripper", 1200, normalize=False)
    settle()
    assert bench.look("follower").position[6] == 1500


def test_a_late_answer_times_out_and_shifts_what_is_read_later(bench: Emulator, robot: Any) -> None:
    bench.do(control.Delay(arm="follower", seconds=0.35))
    with pytest.raises(ConnectionError, match="no status packet"):
        robot.bus.sync_read("Present_Position")
    settle(0.15)
    stale = robot.bus.sync_read("Present_Position", normalize=False)
    assert stale, "the answer to the read before: LeRobot's clearPort empties nothing"


def test_lost_and_wrong_packets_fail_a_read_now_and_then(bench: Emulator, robot: Any) -> None:
    for kind in ({"drop": 0.3}, {"corrupt": 0.3}):
        bench.do(control.Loss(arm="follower", **kind))
        failed = 0
        for _ in range(10):
            try:
                robot.bus.sync_read("Present_Position")
            except ConnectionError:
                failed += 1
            robot.bus.port_handler.ser.reset_input_buffer()
        assert failed
    bench.do(control.Loss(arm="follower"))


def test_one_mute_servo_and_a_silent_chain(bench: Emulator, robot: Any) -> None:
    bench.do(control.Mute(arm="follower", servos=(3,)))
    assert robot.bus.ping("elbow_flex") is None and robot.bus.ping("gripper") == 777
    bench.do(control.Mute(arm="follower"))
    assert robot.bus.ping("elbow_flex") == 777
    bench.do(control.Silence(arm="follower", seconds=0.2))
    assert robot.bus.ping("gripper") is None
    settle(0.25)
    assert robot.bus.ping("gripper") == 777 and torque(bench) == "111111"


def test_a_power_cycle_comes_back_limp_with_what_the_eeprom_kept(bench: Emulator, robot: Any) -> None:
    assert robot.bus.read("Lock", "gripper") == 1
    robot.bus.write("Min_Position_Limit", "gripper", 900)  # under the lock: it is lost with the power
    bench.do(control.Load(arm="follower", servo=2, sag=30.0))
    bench.do(control.Silence(arm="follower", seconds=0.3, power=True))
    settle(0.4)
    assert torque(bench) == "000000"
    assert robot.bus.read("Min_Position_Limit", "gripper") == 1000
    assert bench.look("follower").position[2] > START + 100, "it sank meanwhile"


def test_an_overloaded_servo_answers_with_its_error_though_it_obeys(bench: Emulator, robot: Any) -> None:
    bench.do(control.ErrorBits(arm="follower", servo=2))
    with pytest.raises(RuntimeError, match="Overload"):
        robot.bus.write("Torque_Enable", "shoulder_lift", 0)
    assert torque(bench) == "101111"
    bench.do(control.SwitchOff(arm="follower", servo=5, bits=4))
    assert torque(bench) == "101101"
    with pytest.raises(RuntimeError, match="Overheat"):
        robot.bus.read("Torque_Enable", "wrist_roll")


def test_a_pulled_cable_raises_and_comes_back_under_another_target(bench: Emulator, robot: Any) -> None:
    link = bench.arms["follower"].port.link
    before = link.readlink()
    bench.do(control.Unplug(arm="follower"))
    assert not link.exists()
    with pytest.raises(Exception):  # noqa: B017  (pyserial, termios or OSError)
        robot.bus.sync_read("Present_Position")
    bench.do(control.Plug(arm="follower"))
    assert link.readlink() != before
    again = follower(bench)
    again.bus.connect()
    assert torque(bench) == "111111", "the servos have a supply of their own"
    again.bus.port_handler.closePort()


@pytest.mark.parametrize(
    ("address", "value", "words"), [(MODEL, 1284, "incorrect model"), (1, 9, "different firmware"), (31, 40, "")]
)
def test_other_registers_are_what_the_handshake_finds(bench: Emulator, address: int, value: int, words: str) -> None:
    size = 1 if address == 1 else 2
    bench.do(control.SetRegister(arm="follower", servo=3, address=address, value=value, size=size))
    robot = follower(bench)
    if words:
        with pytest.raises(RuntimeError, match=words):
            robot.connect(calibrate=False)
    else:
        robot.connect(calibrate=False)
        assert not robot.is_calibrated
    robot.bus.port_handler.closePort()


# --- without LeRobot --------------------------------------------------------------------------------


def test_registers_are_signed_where_feetechs_are_and_remember_what_the_lock_allows() -> None:
    servo = Registers(4)
    servo.put(HOMING_OFFSET, -85)
    assert servo.bytes[HOMING_OFFSET : HOMING_OFFSET + 2] == (85 | 1 << 11).to_bytes(2, "little")
    assert servo.get(HOMING_OFFSET) == -85
    servo.write(LOCK, b"\x00")
    servo.write(9, b"\x10\x00")
    servo.write(LOCK, b"\x01")
    servo.write(9, b"\x20\x00")
    servo.write(TORQUE_ENABLE, b"\x01")
    servo.write(GOAL_POSITION, b"\x00\x08")
    servo.power_up()
    assert servo.get(9) == 0x10 and not servo.get(TORQUE_ENABLE, 1) and servo.get(5, 1) == 4


def test_the_parser_waits_for_the_rest_and_passes_over_what_is_wrong() -> None:
    good, bad = b"\xff\xff\x01\x02\x01\xfb", b"\xff\xff\x01\x02\x01\x00"
    parser = Parser()
    assert not list(parser.feed(b"\x07" + bad + good[:3]))
    assert [i.servo for i in parser.feed(good[3:] + good)] == [1, 1]
    assert status(1, 0, b"\x05") == b"\xff\xff\x01\x03\x00\x05\xf6"


def test_the_simple_plant_is_first_order_and_below_its_speed_limit() -> None:
    plant = SimplePlant({1: 1000.0}, now=1.0)
    drive = Drive(on=True, goal=1010, gain=16, speed=3400, limit=1000)
    assert plant.advance(1.05, {1: drive})[1].position == pytest.approx(1000 + 10 * 0.632, abs=0.1)
    plant = SimplePlant({1: 1000.0}, now=1.0)
    assert plant.advance(1.1, {1: drive._replace(goal=3000, speed=100)})[1].position == pytest.approx(1010)


def test_a_process_of_its_own_obeys_and_logs(tmp_path: Path) -> None:
    servos = Servos(tmp_path / "servos", "follower", "leader:leader")
    try:
        assert Path(servos.port("leader")).exists() and (servos.calibration / "follower.json").exists()
        assert servos.look("follower").torque == dict.fromkeys(range(1, 7), False)
        with pytest.raises(ValueError, match="no arm 'third'"):
            servos.do(control.Unplug(arm="third"))
        with pytest.raises(ValueError, match="only a leader"):
            servos.do(control.Hand(arm="follower", ticks={1: 5.0}))
        servos.do(control.Unplug(arm="follower"))
        assert not Path(servos.port("follower")).exists()
    finally:
        servos.close()
    assert servos.log("follower").exists()

"""What an emulated servo's memory says, what of it lasts, and how it protects itself: as Feetech's tables have it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from lerobot.motors.feetech import FeetechMotorsBus

from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.chain import FEEL_S, Chain
from services.sim.servos.emulator import START, Emulator
from services.sim.servos.packets import BROADCAST, PING, READ, WRITE, Instruction, PacketLog
from services.sim.servos.plant import SimplePlant
from services.sim.servos.wear import AMBIENT, OVERHEAT, OVERLOAD
from tests.support.rig import wait_until
from tests.support.servos import emulated, follower, leader, wait_longer


class Alone:
    """One chain of two servos without a port, at a time that goes on only when `run` says so."""

    def __init__(self) -> None:
        self.plant = SimplePlant({1: 2000.0, 2: 2000.0})
        self.chain = Chain((1, 2), self.plant, PacketLog())
        self.servo = self.chain.servos[1]
        self.now = time.monotonic()

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / FEEL_S)):
            self.now += FEEL_S * 1.001
            self.chain.move(self.now)

    def ask(self, servo: int, code: int, *params: int) -> list[bytes]:
        return self.chain._obey(Instruction(servo, code, bytes(params)))

    def write(self, address: int, value: int, size: int = 2, servo: int = 1) -> None:
        self.ask(servo, WRITE, address, *value.to_bytes(size, "little"))

    def hold(self, off_by: int) -> None:
        """Pull with all that so many ticks off the goal make it, at a stop."""
        self.plant.floor[1] = (2000.0, 2000.0)
        self.write(reg.GOAL_POSITION, 2000 + off_by)
        self.write(reg.TORQUE_ENABLE, 1, 1)


@pytest.fixture
def alone() -> Alone:
    made = Alone()
    made.run(0.2)
    return made


def test_a_moving_servo_says_how_fast_and_which_way(alone: Alone) -> None:
    alone.write(reg.GOAL_VELOCITY, 200)
    alone.write(reg.GOAL_POSITION, 1500)
    alone.write(reg.TORQUE_ENABLE, 1, 1)
    alone.run(1)
    assert alone.servo.get(reg.PRESENT_VELOCITY) == pytest.approx(-200, abs=5)
    assert alone.servo.get(reg.PRESENT_VELOCITY + 1, 1) & 0x80, "sign and magnitude"
    assert alone.servo.get(reg.MOVING, 1) == 1
    alone.run(3)
    assert (alone.servo.get(reg.PRESENT_VELOCITY), alone.servo.get(reg.MOVING, 1)) == (0, 0)


def test_what_is_measured_is_not_written_by_a_host(alone: Alone) -> None:
    for address in (reg.MODEL, reg.PRESENT_VOLTAGE, reg.PRESENT_TEMPERATURE, reg.STATUS):
        before = alone.servo.get(address, 1)
        alone.write(address, before + 1, 1)
        assert alone.servo.get(address, 1) == before


def test_what_is_written_while_locked_is_lost_with_the_power_also_if_it_is_unlocked_later(alone: Alone) -> None:
    alone.write(reg.MIN_POSITION, 900)
    alone.write(reg.LOCK, 0, 1)
    alone.write(reg.MAX_POSITION, 3100)
    alone.write(reg.MAX_TORQUE, 500)
    alone.write(reg.TORQUE_ENABLE, 1, 1)
    assert alone.servo.get(reg.MIN_POSITION) == 900
    alone.servo.power_up()
    assert (alone.servo.get(reg.MIN_POSITION), alone.servo.get(reg.MAX_POSITION)) == (0, 3100)
    assert alone.servo.get(reg.TORQUE_LIMIT) == 500, "what the maximum is, until somebody lowers it"
    assert (alone.servo.get(reg.TORQUE_ENABLE, 1), alone.servo.get(reg.LOCK, 1)) == (0, 1)


def test_a_position_stays_within_its_turn_when_the_middle_is_moved(alone: Alone) -> None:
    alone.write(reg.HOMING_OFFSET, 100 | 1 << 11)
    alone.plant.position[1] = 4050.0
    alone.chain.move(alone.now)
    assert alone.servo.get(reg.PRESENT_POSITION) == 4050 + 100 - 4096
    alone.write(reg.PHASE, 12 | reg.WHOLE_TURNS, 1)
    alone.chain.move(alone.now)
    assert alone.servo.get(reg.PRESENT_POSITION) == 4150


def test_a_servo_answers_with_the_id_that_it_had_and_then_to_its_new_one(alone: Alone) -> None:
    [answer] = alone.ask(1, WRITE, reg.ID, 7)
    assert answer[2] == 1
    assert alone.ask(1, PING) == []
    assert [packet[2] for packet in alone.ask(BROADCAST, PING)] == [7, 2]
    alone.write(reg.GOAL_POSITION, 2100, servo=7)
    assert alone.servo.get(reg.GOAL_POSITION) == 2100


def test_a_load_above_its_limit_for_too_long_lowers_the_torque_until_the_next_goal(alone: Alone) -> None:
    alone.hold(off_by=230)  # 92 % of all it has
    alone.run(1.8)
    assert alone.servo.get(reg.PRESENT_LOAD) == 920
    assert alone.servo.get(reg.STATUS, 1) == 0
    alone.run(0.5)
    assert alone.servo.get(reg.STATUS, 1) == OVERLOAD
    assert alone.ask(1, READ, reg.PRESENT_POSITION, 2)[0][4] == OVERLOAD, "in each answer"
    assert alone.chain.drives(alone.now)[1].limit == 200
    assert alone.servo.get(reg.TORQUE_ENABLE, 1) == 1
    alone.run(3)
    assert alone.servo.get(reg.STATUS, 1) == OVERLOAD
    alone.write(reg.GOAL_POSITION, 2010)
    alone.run(0.1)
    assert alone.servo.get(reg.STATUS, 1) == 0
    assert alone.chain.drives(alone.now)[1].limit == 1000


def test_the_limits_are_those_in_its_memory_and_what_is_switched_off_does_not_protect(alone: Alone) -> None:
    alone.write(reg.OVERLOAD_TORQUE, 25, 1)
    alone.write(reg.PROTECTION_TIME, 50, 1)
    alone.hold(off_by=70)
    alone.run(0.7)
    assert alone.servo.get(reg.STATUS, 1) == OVERLOAD
    alone.write(reg.UNLOADING, OVERHEAT, 1)
    alone.hold(off_by=80)
    alone.run(3)
    assert alone.servo.get(reg.STATUS, 1) == 0


def test_a_loaded_servo_warms_up_slowly_and_at_its_limit_lets_go(alone: Alone) -> None:
    alone.write(reg.UNLOADING, OVERHEAT, 1)
    alone.hold(off_by=250)
    alone.run(10)
    warm = alone.servo.get(reg.PRESENT_TEMPERATURE, 1)
    assert AMBIENT < warm < AMBIENT + 6
    assert alone.servo.get(reg.PRESENT_CURRENT) == pytest.approx(2.7 / 0.0065, abs=1)
    alone.write(reg.MAX_TEMPERATURE, warm + 1, 1)
    alone.run(10)
    assert alone.servo.get(reg.STATUS, 1) == OVERHEAT
    assert alone.servo.get(reg.TORQUE_ENABLE, 1) == 0
    assert alone.servo.get(reg.PRESENT_CURRENT) == 0


# -- LeRobot's own code ---------------------------------------------------------------------------------


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    wait_longer(monkeypatch)
    with emulated("follower", "leader:leader") as made:
        yield made


def test_the_voltage_tells_a_leader_from_a_follower(bench: Emulator) -> None:
    for made, tenths in ((follower(bench), 120), (leader(bench), 50)):
        made.bus.connect()
        read: dict[str, Any] = made.bus.sync_read("Present_Voltage")
        assert set(read.values()) == {tenths}
        made.bus.port_handler.closePort()


def test_lerobots_half_turn_homings_make_every_servo_stand_in_its_middle(bench: Emulator) -> None:
    bench.arms["follower"].chain.plant.position = {i: START + 37.0 * i for i in range(1, 7)}  # type: ignore[attr-defined]
    robot = follower(bench)
    robot.bus.connect()
    robot.bus.disable_torque()
    offsets = robot.bus.set_half_turn_homings()
    assert offsets["gripper"] == START + 6 * 37 - 2047
    assert set(robot.bus.sync_read("Present_Position", normalize=False).values()) == {2047}
    bench.do(control.Silence(arm="follower", seconds=0.0, power=True))
    assert set(robot.bus.sync_read("Present_Position", normalize=False).values()) == {2047}, "it lasts"
    robot.bus.port_handler.closePort()


def test_lerobot_sets_up_new_servos_one_after_the_other(bench: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"elbow_flex": 3, "gripper": 6}
    servos = bench.arms["follower"].chain.servos
    for place in places.values():
        servos[place].put(reg.ID, 1, 1)
        servos[place].keep()
    robot = follower(bench)
    robot.bus.motors = {name: robot.bus.motors[name] for name in places}

    def connect_only(question: str) -> str:
        place = next(place for name, place in places.items() if name in question)
        bench.do(control.Mute(arm="follower", servos=tuple({*servos} - {place})))
        return ""

    monkeypatch.setattr("builtins.input", connect_only)
    robot.setup_motors()
    robot.bus.port_handler.closePort()
    bench.do(control.Mute(arm="follower"))
    bench.do(control.Silence(arm="follower", seconds=0.0, power=True))
    again = follower(bench)
    again.connect(calibrate=False)
    assert again.is_calibrated
    assert [servo.bytes[reg.ID] for servo in servos.values()] == [1, 2, 3, 4, 5, 6], "it lasts"
    again.bus.port_handler.closePort()


def test_a_servo_hears_nothing_at_another_baud_rate(bench: Emulator) -> None:
    bench.do(control.SetRegister(arm="follower", servo=3, address=reg.BAUD, value=1, size=1))
    bus = FeetechMotorsBus(str(bench.arms["follower"].port.link), {})
    bus._connect(handshake=False)
    heard = {}
    for baud in (1_000_000, 500_000):
        bus.set_baudrate(baud)
        heard[baud] = sorted(bus.broadcast_ping() or {})
    bus.port_handler.closePort()
    assert heard == {1_000_000: [1, 2, 4, 5, 6], 500_000: [3]}


def test_a_follower_that_holds_too_much_says_so_to_lerobot(bench: Emulator) -> None:
    robot = follower(bench)
    robot.connect(calibrate=False)
    robot.bus.write("Protection_Time", "shoulder_lift", 10)
    bench.do(control.Load(arm="follower", servo=2, sag=225.0))
    goal = {f"{name}.pos": value for name, value in robot.bus.sync_read("Present_Position").items()}
    robot.send_action(goal | {"shoulder_lift.pos": 10.0})
    wait_until(lambda: robot.bus.sync_read("Status", normalize=False)["shoulder_lift"] == OVERLOAD, 20)
    with pytest.raises(RuntimeError, match="Overload"):
        robot.bus.write("Torque_Enable", "shoulder_lift", 1)
    robot.bus.port_handler.closePort()

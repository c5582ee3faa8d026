"""What `services.workers.arm.serial_bus` mends in LeRobot's Feetech bus: that it is still so, and that it is mended."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import scservo_sdk
from scservo_sdk.port_handler import PortHandler
from scservo_sdk.protocol_packet_handler import protocol_packet_handler
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from services.bench import device_locks
from services.bench.device_locks import DeviceLocks
from services.sim.servos import control
from services.sim.servos.emulator import START, Emulator
from services.workers.arm.motors import Motors
from services.workers.arm.serial_bus import NoAnswer, Unplugged, dependable
from tests.support.rig import wait_until
from tests.support.servos import emulated, follower, torque

SOON_S = 0.12
"""By then a port is looked for again."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.workers.arm.serial_bus.REOPEN_EVERY_S", 0.1)


@pytest.fixture
def bench() -> Iterator[Emulator]:
    with emulated("follower") as made:
        yield made


@pytest.fixture
def robot(bench: Emulator) -> Iterator[Any]:
    made = follower(bench)
    with dependable(made.bus, "follower").patient():
        made.connect(calibrate=False)
    yield made
    if made.is_connected:
        made.bus.port_handler.closePort()


def test_the_sdk_is_as_it_was_when_it_was_mended() -> None:
    """Each of these is replaced or leant on: read serial_bus.py again when one of them changes."""
    assert inspect.getsource(PortHandler.clearPort).split() == ["def", "clearPort(self):", "self.ser.flush()"]
    sent = inspect.getsource(protocol_packet_handler.txPacket)
    assert "port.clearPort()" in sent and "if port.is_using" in sent
    for name in ("txPacket(port, txpacket)", "rxPacket(port)"):
        assert f"self.{name}" in inspect.getsource(protocol_packet_handler.txRxPacket)
    assert "self.rxPacket(port)" in inspect.getsource(protocol_packet_handler.readRx)
    assert "self.txPacket(port, txpacket)" in inspect.getsource(protocol_packet_handler.syncReadTx)
    assert "self.ph.readRx(self.port" in inspect.getsource(scservo_sdk.GroupSyncRead.rxPacket)


@pytest.mark.parametrize("count", [1, 3])
def test_a_late_answer_makes_nothing_stale(bench: Emulator, robot: Any, count: int) -> None:
    bench.do(control.Delay(arm="follower", seconds=0.08, count=count))
    for _ in range(count):
        with suppress(NoAnswer):
            robot.bus.sync_read("Present_Position")
        time.sleep(0.09)
    robot.bus.write("Goal_Position", "shoulder_pan", START + 300, normalize=False)
    time.sleep(0.4)
    read = robot.bus.sync_read("Present_Position", normalize=False)
    assert read["shoulder_pan"] == pytest.approx(START + 300, abs=3)


def test_a_late_answer_to_another_question_is_not_taken_for_this_one(bench: Emulator, robot: Any) -> None:
    """The torque's one byte and its checksum would read as a position."""
    bench.do(control.Delay(arm="follower", seconds=0.06))
    sent = robot.bus.packet_handler.readTx(robot.bus.port_handler, 1, 40, 1)
    assert sent == 0
    robot.bus.port_handler.is_using = False
    time.sleep(0.03)
    packets, clear = robot.bus.packet_handler, robot.bus.port_handler.clearPort
    robot.bus.port_handler.clearPort = lambda: (
        clear(),
        time.sleep(0.05),
    )  # it comes right after the buffer was emptied
    data, result, _ = packets.readTxRx(robot.bus.port_handler, 1, 56, 2)
    assert result == 0 and data[0] | data[1] << 8 == pytest.approx(START, abs=2)


@pytest.mark.parametrize("loss", [{"drop": 0.01}, {"corrupt": 0.01}])
def test_packets_that_get_lost_fail_no_connect(bench: Emulator, loss: dict[str, float]) -> None:
    bench.do(control.Loss(arm="follower", **loss))
    for _ in range(10):  # 30 of 30 by hand
        robot = follower(bench)
        with dependable(robot.bus, "follower").patient():
            robot.connect(calibrate=False)
        robot.bus.port_handler.closePort()


def test_an_error_bit_is_kept_and_fails_nothing_that_got_through(bench: Emulator, robot: Any) -> None:
    bench.do(control.ErrorBits(arm="follower", servo=2))
    motors = Motors(robot)
    assert motors.switch_off().all_off and torque(bench) == "000000"
    assert motors.complaints == "shoulder_lift is overloaded"
    bench.do(control.ErrorBits(arm="follower", servo=2, bits=0))
    assert motors.grip().all_on and torque(bench) == "111111" and motors.complaints == ""


def test_what_stays_on_is_named(bench: Emulator, robot: Any) -> None:
    bench.do(control.Mute(arm="follower", servos=(3, 6)))
    said = Motors(robot).switch_off()
    assert torque(bench) == "001001"
    assert said.named(None) == ["elbow_flex", "gripper"] and not said.all_off
    assert said.words == "torque is off, not known of elbow_flex and gripper"


def answers(robot: Any) -> bool:
    try:
        robot.bus.sync_read("Present_Position")
    except NoAnswer:
        return False
    return True


def test_whoever_is_silent_is_named_once_and_then_asked_only_once(bench: Emulator, robot: Any) -> None:
    bench.do(control.Mute(arm="follower", servos=(6,)))
    with pytest.raises(NoAnswer, match=r"follower: gripper \(6\) does not answer"):
        robot.bus.sync_read("Present_Position", num_retry=2)
    took = []
    for _ in range(3):  # the machine may be busy: the quickest counts
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            robot.bus.sync_read("Present_Position", num_retry=2)
        took.append(time.monotonic() - began)
    assert min(took) < 0.1
    bench.do(control.Silence(arm="follower", seconds=0.4))
    bench.do(control.Mute(arm="follower"))
    wait_until(lambda: answers(robot), 3)
    bench.do(control.Silence(arm="follower"))
    with pytest.raises(NoAnswer, match="none of its servos answers"):
        robot.bus.sync_read("Present_Position")


def test_a_silence_that_a_write_met_first_names_its_own_servos(bench: Emulator, robot: Any) -> None:
    bench.do(control.Mute(arm="follower", servos=(6,)))
    with pytest.raises(NoAnswer, match=r"follower: gripper \(6\) does not answer"):
        robot.bus.sync_read("Present_Position")
    bench.do(control.Mute(arm="follower"))
    wait_until(lambda: answers(robot), 20)
    bench.do(control.Mute(arm="follower", servos=(3,)))
    with pytest.raises(NoAnswer, match=r"elbow_flex \(3\)"):
        robot.bus.write("Goal_Position", "elbow_flex", 0.0)
    with pytest.raises(NoAnswer, match=r"follower: elbow_flex \(3\) does not answer"):
        robot.bus.sync_read("Present_Position")


def test_servos_that_all_answer_one_by_one_are_asked_once_per_silence(
    bench: Emulator, robot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(dependable(robot.bus, "follower"), "_is_there", lambda motor: not asked.append(motor))
    bench.do(control.Silence(arm="follower", seconds=60.0))
    for _ in range(3):
        with pytest.raises(NoAnswer, match="answers get lost or come late"):
            robot.bus.sync_read("Present_Position")
    assert asked == robot.bus.ids


def test_an_answer_that_came_at_last_is_counted_and_silence_is_not(bench: Emulator, robot: Any) -> None:
    bus = dependable(robot.bus, "follower")
    before = bus.answers
    bench.do(control.Delay(arm="follower", seconds=0.08))
    robot.bus.sync_read("Present_Position")
    assert (bus.answers - before).asked == 1 and (bus.answers - before).retried >= 1
    time.sleep(0.2)  # the late one comes, too
    before = bus.answers
    bench.do(control.Silence(arm="follower", seconds=60.0))
    for _ in range(2):
        with pytest.raises(NoAnswer):
            robot.bus.sync_read("Present_Position")
    assert bus.answers == before


def test_a_pulled_port_is_said_and_opened_again_when_it_is_back(bench: Emulator, robot: Any) -> None:
    bench.do(control.Unplug(arm="follower"))
    for _ in range(3):
        with pytest.raises(Unplugged, match="the follower was unplugged"):
            robot.bus.sync_read("Present_Position")
    bench.do(control.Plug(arm="follower"))
    time.sleep(SOON_S)
    assert robot.bus.sync_read("Present_Position", normalize=False)["gripper"] == pytest.approx(START, abs=1)


def test_another_arm_at_the_same_port_is_not_taken_for_the_one_before(bench: Emulator, robot: Any) -> None:
    bench.do(control.Unplug(arm="follower"))
    with pytest.raises(Unplugged):
        robot.bus.sync_read("Present_Position")
    bench.do(control.SetRegister(arm="follower", servo=4, address=9, value=777))
    bench.do(control.Plug(arm="follower"))
    time.sleep(SOON_S)
    with pytest.raises(Unplugged, match="another calibration"):
        robot.bus.sync_read("Present_Position")


def test_a_port_that_cannot_be_opened_yet_is_opened_once_it_can(bench: Emulator, robot: Any) -> None:
    """A device file is there before its owner may open it."""
    bench.do(control.Unplug(arm="follower"))
    with pytest.raises(Unplugged):
        robot.bus.sync_read("Present_Position")
    link = bench.arms["follower"].port.link
    link.write_text("no terminal")
    time.sleep(SOON_S)
    with pytest.raises(Unplugged, match=f"it is back at {link}, but does not answer yet"):
        robot.get_observation()
    bench.do(control.Plug(arm="follower"))
    time.sleep(SOON_S)
    assert robot.get_observation()


# --- where it is when it is back ----------------------------------------------------------------------


@pytest.fixture
def lock_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_locks, "device_lock_folder", lambda: tmp_path)


class Usb:
    """USB as pyserial lists it: what is not here is how the emulator's terminals lack it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ports: list[ListPortInfo] = []
        monkeypatch.setattr(list_ports, "comports", lambda: self.ports)

    def have(self, **serial_numbers: str) -> None:
        """The devices by name in /dev/pts/ (`p3`) with their serial numbers."""
        self.ports = [ListPortInfo(f"/dev/pts/{name[1:]}") for name in serial_numbers]
        for port, number in zip(self.ports, serial_numbers.values(), strict=True):
            port.vid, port.pid, port.serial_number = 0x1A86, 0x55D3, number or None


def real(bench: Emulator, arm: str = "follower") -> str:
    return os.path.realpath(bench.folder / arm)


def number(bench: Emulator, arm: str = "follower") -> str:
    return f"p{Path(real(bench, arm)).name}"


def by_path(bench: Emulator, name: str = "follower") -> Any:
    """The arm at the plain path that it has now, without a link that leads to it."""
    made = follower(bench, name)
    made.bus.port = made.bus.port_handler.port_name = real(bench, name)
    with dependable(made.bus, name).patient():
        made.connect(calibrate=False)
    return made


@pytest.mark.usefixtures("lock_folder")
def test_the_lock_goes_along_to_the_port_under_its_new_path(bench: Emulator, robot: Any) -> None:
    before = real(bench)
    with DeviceLocks({before: "follower port"}, {"session": "mine"}) as locks:
        made = follower(bench)
        robot.bus.port_handler.closePort()
        dependable(made.bus, "follower").locks = locks
        made.connect(calibrate=False)
        bench.do(control.Unplug(arm="follower"))
        with pytest.raises(Unplugged):
            made.bus.sync_read("Present_Position")
        bench.do(control.Plug(arm="follower"))
        assert real(bench) != before
        with DeviceLocks({real(bench): "its port"}, {"session": "another"}):
            time.sleep(SOON_S)
            with pytest.raises(Unplugged, match="held by session another"):
                made.bus.sync_read("Present_Position")
            assert locks.holds(before) and not locks.holds(real(bench))
        time.sleep(SOON_S)
        made.bus.sync_read("Present_Position")
        told = device_locks.holder(real(bench))
        assert told is not None and "session mine" in told
        assert device_locks.holder(before) is None, "another arm may be there now"
        made.bus.port_handler.closePort()


def test_an_arm_with_a_serial_number_is_found_at_another_path(bench: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = Usb(monkeypatch)
    usb.have(**{number(bench): "5A46", "p9999": "other"})
    robot = by_path(bench)
    bench.do(control.Unplug(arm="follower"))
    usb.have(p9999="other")
    with pytest.raises(Unplugged, match=r"was unplugged$"):
        robot.bus.sync_read("Present_Position")
    bench.do(control.Plug(arm="follower"))
    usb.have(**{number(bench): "5A46", "p9999": "other"})
    time.sleep(SOON_S)
    robot.bus.sync_read("Present_Position")
    assert robot.bus.port_handler.port_name == real(bench) != robot.bus.port
    robot.bus.port_handler.closePort()


def test_two_devices_of_one_serial_number_are_not_told_apart(bench: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = Usb(monkeypatch)
    usb.have(**{number(bench): "0001"})
    robot = by_path(bench)
    bench.do(control.Unplug(arm="follower"))
    with pytest.raises(Unplugged):
        robot.bus.sync_read("Present_Position")
    bench.do(control.Plug(arm="follower"))
    usb.have(**{number(bench): "0001", "p9999": "0001"})
    time.sleep(SOON_S)
    with pytest.raises(Unplugged, match="have the same serial number 0001") as said:
        robot.bus.sync_read("Present_Position")
    assert said.value.answer == "unplug the one that is not this arm"
    usb.have(**{number(bench): "0001"})
    time.sleep(SOON_S)
    robot.bus.sync_read("Present_Position")
    robot.bus.port_handler.closePort()


@pytest.mark.parametrize("serial_number", ["", "0001"])
def test_an_arm_that_looks_like_others_is_not_looked_for_elsewhere(
    bench: Emulator, monkeypatch: pytest.MonkeyPatch, serial_number: str
) -> None:
    """Cheap adapters have no serial number, or all the same: that of the leader is not opened for the follower."""
    usb = Usb(monkeypatch)
    usb.have(**{number(bench): serial_number, "p9999": serial_number})
    robot = by_path(bench)
    bench.do(control.Unplug(arm="follower"))
    usb.have(p9999=serial_number)
    with pytest.raises(Unplugged):
        robot.bus.sync_read("Present_Position")
    time.sleep(SOON_S)
    with pytest.raises(Unplugged, match=r"was unplugged$"):
        robot.bus.sync_read("Present_Position")
    bench.do(control.Plug(arm="follower"))
    usb.have(**{number(bench): serial_number, "p9999": serial_number})
    time.sleep(SOON_S)
    with pytest.raises(Unplugged, match=f"{real(bench)} is new, but without a serial number of its own") as said:
        robot.bus.sync_read("Present_Position")
    assert f"so that it becomes {robot.bus.port}" in said.value.answer
    robot.bus.port_handler.closePort()


def test_another_device_at_the_same_path_is_not_opened(bench: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = Usb(monkeypatch)
    usb.have(**{number(bench): "5A46"})
    robot = by_path(bench)
    spare = os.open(robot.bus.port, os.O_RDWR | os.O_NOCTTY)
    usb.have(**{number(bench): "stranger"})
    bench.do(control.Unplug(arm="follower"))
    for _ in range(2):
        with pytest.raises(Unplugged):
            robot.bus.sync_read("Present_Position")
        time.sleep(SOON_S)
    with pytest.raises(Unplugged, match=f"another device is at {robot.bus.port} now"):
        robot.bus.sync_read("Present_Position")
    os.close(spare)
    robot.bus.port_handler.closePort()


def test_the_port_of_another_arm_is_not_opened_once_more(bench: Emulator, robot: Any) -> None:
    second = follower(bench)
    dependable(second.bus, "leader")
    with pytest.raises(ConnectionError) as said:
        second.connect(calibrate=False)
    assert "is the port of another arm of this bench" in str(said.value.__cause__)
    robot.bus.sync_read("Present_Position")


@pytest.mark.parametrize("ticks", [1000, 1001, 1777, 2345, 2999, 3000])
def test_goals_that_are_read_and_sent_again_stay_the_very_same(bench: Emulator, robot: Any, ticks: int) -> None:
    for motor in robot.bus.motors:
        robot.bus.write("Goal_Position", motor, ticks, normalize=False)
    for _ in range(3):
        goal = Motors(robot).goal()
        assert goal is not None
        robot.send_action({f"{name}.pos": value for name, value in goal.items()})
        assert set(robot.bus.sync_read("Goal_Position", normalize=False).values()) == {ticks}

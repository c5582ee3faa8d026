"""Lost answers on an arm's serial bus are counted, shown, and flag the take: LeRobot's drivers, real packets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lerobot.motors.feetech import FeetechMotorsBus

from services.live import events as ev
from services.live.reasons import AlarmSource
from services.sim.servos import control
from services.sim.servos.emulator import Emulator
from services.workers.arm.serial_bus import NoAnswer
from services.workers.arm.wires import Wires, serial_buses
from sessions.models import SessionStatus
from tests.support.servo_session import RecordSession, profile, until
from tests.support.servos import follower, leader, wait_longer

FPS = (30, 60)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come one after the other, and a busy machine loses no answer by itself."""
    wait_longer(monkeypatch, 100.0)
    monkeypatch.setattr("services.workers.arm.debounce.BURST_S", 0.05)
    monkeypatch.setattr("services.workers.recording.strategy.SHORT_S", 0.0)


@pytest.fixture(params=FPS)
def session(bench: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RecordSession]:
    made = RecordSession(tmp_path / "lab", profile(bench), fps=request.param).ready()
    yield made
    if made.running:
        made.terminate()


def retried(session: RecordSession) -> dict[str, int]:
    return session.context.wires.retried


def test_one_packet_in_a_hundred_lost_or_corrupt_spoils_no_take_but_flags_it(
    bench: Emulator, session: RecordSession
) -> None:
    session.follow()
    session.start_take()
    session.frames(10)
    clean = session.end_take()
    assert not {flag for flag in clean.flags if "retried" in flag}, "a sound wire is not worth a word"

    for arm, loss in (("follower", {"drop": 0.01}), ("leader", {"corrupt": 0.01})):
        bench.do(control.Loss(arm=arm, **loss))
        session.start_take()
        until(lambda arm=arm: session.context.wires._wires[arm].spoilt)
        bench.do(control.Loss(arm=arm))
        episode = session.end_take()
        assert episode.accepted and episode.frames > 5, "the take is kept"
        assert f"{arm} retried {episode.retried[arm]}" in episode.flags, episode.flags
        assert episode.retried[arm] >= 2
    assert session.snapshot.alarms == (), "that little needs nobody"
    assert session.terminate()[0] is SessionStatus.ABORTED


class Journal:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def emit(self, event: Any) -> None:
        self.events.append(event)


def test_a_wire_that_stays_bad_raises_one_alarm_which_ends_when_it_is_good(bench: Emulator) -> None:
    robot, teleop, journal, now = follower(bench), leader(bench), Journal(), 0
    devices: Any = SimpleNamespace(robot=robot, teleop=teleop)
    wires = Wires(devices, {}, journal)  # type: ignore[arg-type]
    for device in (robot, teleop):
        device.connect(calibrate=False)

    def seconds(count: int) -> None:
        nonlocal now
        for _ in range(count):
            for bus in (robot.bus, teleop.bus):
                for _ in range(15):
                    with suppress(NoAnswer):  # three times in a row
                        bus.sync_read("Present_Position")
            now += 1
            wires.look(float(now))

    seconds(11)
    assert not journal.events and wires.views["follower"].lately == 0.0
    bench.do(control.Loss(arm="follower", corrupt=0.04))
    seconds(12)
    bench.do(control.Loss(arm="follower"))
    (raised,) = journal.events
    assert raised.source == AlarmSource.ANSWERS and raised.answer == "check its cable and plugs"
    share = re.fullmatch(r"follower: (\d+) % of its answers get lost", raised.text)
    assert share and int(share[1]) > 5
    view = wires.views["follower"]
    assert view.lately > 0.05 and view.retried > 0.05 * 15 * 12 and wires.views["leader"].retried == 0
    seconds(25)
    assert [type(e) for e in journal.events] == [ev.AlarmRaised, ev.AlarmCleared]
    for device in (robot, teleop):
        device.bus.port_handler.closePort()


def test_two_arms_of_a_pair_are_counted_by_their_names() -> None:
    def arm(port: str) -> Any:
        return SimpleNamespace(bus=FeetechMotorsBus(port, {}))

    pair: Any = SimpleNamespace(robot=SimpleNamespace(bus=None, left_arm=arm("/a"), right_arm=arm("/b")), teleop=None)
    assert [bus.device for bus in serial_buses(pair)] == ["follower left", "follower right"]

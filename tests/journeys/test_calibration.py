"""Calibrated as LeRobot does it: `lerobot-calibrate` in a terminal, a person moves the limp arms, then a session."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from services.bench.profiles import Profile
from services.live.reasons import AlarmSource
from services.sim.arm import JOINTS, LOWER, UPPER, Pose
from services.sim.bench import at_its_port
from services.sim.client import WorldClient
from services.sim.launch import ensure_world
from services.sim.servo_arms import RANGES, ticks_of
from services.sim.servos import control
from sessions.models import SessionStatus
from tests import ROOT
from tests.support.rig import wait_until
from tests.support.servo_session import ServoSession
from tests.support.servos import wait_longer
from tests.support.terminal import Terminal

NEAR = 3.0
MIDDLE = (LOWER + UPPER) / 2
CLEAR = np.array([0.0, -60.0, -90.0, 0.0, 3.0, 50.0])
"""From here the joints reach both of their ends without meeting the table, those of a row of TOGETHER at once."""
TOGETHER = ([0, 3, 5], [1], [2])
CALIBRATE = """
from services.workers.process.environment import load_libusb
load_libusb()  # this machine may have none
from lerobot.motors.feetech import feetech
from lerobot.scripts.lerobot_calibrate import main
wait = feetech.patch_setPacketTimeout
def patiently(port, length):
    wait(port, length)
    port.packet_timeout += 2000  # on a busy machine the servos may be later than 50 ms, and it asks only once
feetech.patch_setPacketTimeout = patiently
main()
"""


class Person:
    """Moves an arm of the simulated bench by hand, and answers what LeRobot asks in a terminal."""

    def __init__(self, world: WorldClient, arm: str, part: str) -> None:
        self.world, self.arm = world, arm
        table = at_its_port(world.place.data_dir, arm, {})
        self.file = Path(table["calibration_dir"]) / f"{arm}.json"
        options = [f"--{part}.type=so101_{arm}", *(f"--{part}.{key}={value}" for key, value in table.items())]
        self.terminal = Terminal([sys.executable, "-c", CALIBRATE, *options], cols=200, env={"PYTHONPATH": str(ROOT)})

    def move(self, pose: Pose) -> None:
        """By hand, until the arm is there."""
        self.world.do(control.Hand(arm=self.arm, ticks=ticks_of(pose)))
        if self.arm == "follower":
            wait_until(lambda: bool(np.abs(np.array(self.world.joints()) - pose).max() < NEAR), 20, f"not at {pose}")

    def calibrate(self) -> None:
        """Answer every question, and move each joint through its range."""
        terminal = self.terminal
        terminal.wait_for("or type 'c' and press ENTER to run calibration", 60)
        terminal.write(b"c\r")
        terminal.wait_for("to the middle of its range", 20)
        self.move(MIDDLE)
        terminal.write(b"\r")
        terminal.wait_for("entire ranges of motion", 20)
        for joints in TOGETHER:
            for end in (LOWER, UPPER):
                pose = CLEAR.copy()
                pose[joints] = end[joints]
                self.move(pose)
                terminal.raw.clear()
                terminal.wait_until(lambda: terminal.raw.count(b"gripper ") > 3, 20, "LeRobot reads no more")
        terminal.write(b"\r")
        assert terminal.wait(30) == 0, terminal.text
        self.world.do(control.Hand(arm=self.arm, ticks={}))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorldClient]:
    wait_longer(monkeypatch)
    client = ensure_world(tmp_path / "lab")
    client.apply({}, 30, servos=True)
    yield client
    with suppress(ConnectionError):
        client.shutdown()


def test_what_lerobot_calibrates_the_console_takes(world: WorldClient, tmp_path: Path) -> None:
    people = Person(world, "follower", "robot"), Person(world, "leader", "teleop")
    before = {person.arm: person.file.read_bytes() for person in people}
    try:
        for person in people:
            person.calibrate()
            found = json.loads(person.file.read_text("utf-8"))
            assert person.file.read_bytes() != before[person.arm]
            for at, name in enumerate(JOINTS, start=1):
                low, high = RANGES[at]
                assert found[name]["range_max"] - found[name]["range_min"] > 0.9 * (high - low), name
    finally:
        for person in people:
            person.terminal.close()

    tables = {arm: at_its_port(world.place.data_dir, arm, {"type": f"so101_{arm}"}) for arm in ("follower", "leader")}
    session = ServoSession(tmp_path, Profile(name="lab", robot=tables["follower"], teleop=tables["leader"])).ready()
    assert session.terminate()[0] is SessionStatus.ABORTED
    assert not session.alarms(AlarmSource.FOLLOWER) and world.state().torque

"""A session that only looks, over LeRobot's own drivers on emulated servos: every packet is a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.live import events as ev
from services.live import protocol
from services.live.preflights import newest
from services.live.protocol import Code
from services.live.reasons import StopCause
from services.sim.servos import control
from services.sim.servos.emulator import Emulator
from services.sim.servos.packets import PING, READ, SYNC_READ
from services.sim.servos.registers import TORQUE_ENABLE
from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.hands_off import OnlyLooks, keep_hands_off
from sessions.models import SessionStatus
from tests.support.checkpoints import make_copycat
from tests.support.servo_session import REST, EvalSession, profile
from tests.support.servos import follower, torque, wait_longer


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 150.0)


def look(bench: Emulator, root: Path) -> EvalSession:
    policy = make_copycat(root / "policy" / "000010", np.zeros((2, 6)))
    return EvalSession(root, profile(bench, rest=REST), policy, looks_only=True, dataset="", trials=0)


@pytest.mark.parametrize("held", ["000000", "111111", "110111"])
def test_whatever_has_torque_keeps_it_and_its_goal_and_nothing_is_written(
    bench: Emulator, tmp_path: Path, held: str
) -> None:
    for servo, on in enumerate(held, start=1):
        bench.do(control.SetRegister(arm="follower", servo=servo, address=TORQUE_ENABLE, value=int(on), size=1))
    before = bench.look("follower")
    session = look(bench, tmp_path)
    session._thread.join(60)
    assert (session.status, session.running) == (SessionStatus.FINISHED, False), session.reason
    made = newest(session.snapshot.preflights)
    assert made is not None and {check.name for check in made.checks} >= {"training data"}
    log = list(bench.arms["follower"].log.since())
    assert SYNC_READ in {said.code for said in log} <= {PING, READ, SYNC_READ}
    assert torque(bench) == held
    assert bench.look("follower").goal == before.goal
    (left,) = session.events(ev.ArmLeft)
    assert left.torque is {"000000": False, "111111": True}.get(held)
    assert "nothing was moved; torque is" in session.reason
    assert not bench.arms["leader"].log.since(), "the leader is not opened"


def test_a_stop_ends_it_at_once_and_leaves_a_held_arm_held(bench: Emulator, tmp_path: Path) -> None:
    for servo in range(1, 7):
        bench.do(control.SetRegister(arm="follower", servo=servo, address=TORQUE_ENABLE, value=1, size=1))
    session = look(bench, tmp_path)
    assert session.ask(protocol.Stop(cause=StopCause.X))[0] is Code.OK
    session._thread.join(60)
    assert session.status is SessionStatus.ABORTED
    assert session.reason.endswith("nothing was moved; torque is on")
    assert {said.code for said in bench.arms["follower"].log.since()} <= {PING, READ, SYNC_READ}
    assert torque(bench) == "111111"


def test_a_write_by_any_way_is_refused_before_it_reaches_the_wire(bench: Emulator) -> None:
    robot = follower(bench)
    keep_hands_off(robot, simulated=False)
    robot.connect(calibrate=False)
    ways = [
        lambda: robot.send_action(dict.fromkeys(robot.action_features, 1.0)),
        robot.bus.enable_torque,
        robot.bus.disable_torque,
        lambda: robot.bus.write("P_Coefficient", "gripper", 16),
        lambda: robot.bus.disconnect(True),
    ]
    for way in ways:
        with pytest.raises(OnlyLooks):
            way()
    assert {said.code for said in bench.arms["follower"].log.since()} <= {PING, READ, SYNC_READ}
    robot.bus.disconnect(False)


def test_a_robot_of_which_it_is_not_known_is_not_connected() -> None:
    class Bus:
        motors = ("a",)

    class Robot:
        name, bus = "own_robot", Bus()

    with pytest.raises(DeviceProblem, match="own_robot is not connected only to look at it"):
        keep_hands_off(Robot(), simulated=False)

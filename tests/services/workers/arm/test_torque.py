"""Torque and hold are what the servos say: LeRobot's SO-101 drivers on emulated servos, one fault after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.bench.device_locks import device_keys, who_holds
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import Advice, AlarmSource, StopCause
from services.live.requests import Purpose
from services.sim.servos import control
from services.sim.servos.emulator import RANGE, START, Emulator
from services.sim.servos.registers import GOAL_POSITION, TORQUE_ENABLE
from sessions.models import SessionStatus
from tests.support.servo_session import REST, ServoSession, profile, until
from tests.support.servos import goals_written, torque, torque_written, wait_longer

STOP = protocol.Stop(cause=StopCause.X)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are believed soon after a stop: not what is tested here, and it takes a second each time."""
    monkeypatch.setattr("services.workers.arm.debounce.AFTER_STOP_S", 0.2)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 150.0)


@pytest.fixture
def session(bench: Emulator, tmp_path: Path) -> Iterator[ServoSession]:
    made = ServoSession(tmp_path / "lab", profile(bench)).ready()
    yield made
    if made.running:
        made.terminate()


def lost(session: ServoSession, seconds: float = 1.0) -> None:
    session.until(Phase.LIMP, seconds=seconds)
    assert not session.torque


# --- torque that was lost ---------------------------------------------------------------------------


def test_a_power_cycle_is_noticed_told_and_answered_by_a_hold(bench: Emulator, session: ServoSession) -> None:
    session.follow()
    bench.do(control.Load(arm="follower", servo=2, sag=-20.0))
    bench.do(control.Silence(arm="follower", seconds=1.5, power=True))
    until(lambda: session.context.phase is Phase.HELD)
    assert "did not reach" in session.context.detail, "nobody knows whether it holds"
    until(lambda: not bench.arms["follower"].chain.faults.unpowered)
    lost(session)
    assert torque(bench) == "000000"
    until(lambda: session.alarms(AlarmSource.TORQUE) == ["the arm lost its torque"])
    began = time.monotonic()
    assert session.ask(STOP) == (Code.OK, "")
    assert torque(bench) == "111111" and session.context.phase is Phase.HELD and session.torque
    here = bench.look("follower").position[2]
    time.sleep(0.3)
    assert abs(bench.look("follower").position[2] - here) <= 25, "no jump, but for the load's sag"
    written = goals_written(bench.arms["follower"], began)
    on = [said.at for said in bench.arms["follower"].log.since(began) if said.values(TORQUE_ENABLE, 1)]
    goals = [said.at for said in bench.arms["follower"].log.since(began) if said.values(GOAL_POSITION, 2)]
    assert written and min(goals) < min(on), "the goal first, then torque"
    session.follow()


def test_one_servo_that_switches_itself_off_is_named(bench: Emulator, session: ServoSession) -> None:
    session.follow()
    bench.do(control.SwitchOff(arm="follower", servo=3))
    lost(session)
    assert torque(bench) == "110111", "the others bear the arm"
    until(lambda: bool(session.alarms(AlarmSource.TORQUE)))
    assert session.alarms(AlarmSource.TORQUE)[0].startswith("elbow_flex lost torque")
    assert session.context.detail == (
        "torque is on at shoulder_pan, shoulder_lift, wrist_flex, wrist_roll and gripper, off at elbow_flex"
    )
    code, _ = session.ask(protocol.Follow())
    assert code is Code.WRONG_PHASE, "first it has to hold"
    status, reason = session.terminate()
    assert status is SessionStatus.ABORTED and "lost its torque" in reason and "off at elbow_flex" in reason


def test_an_arm_without_torque_ends_by_a_key_and_says_so(bench: Emulator, session: ServoSession) -> None:
    bench.do(control.Silence(arm="follower", seconds=0.1, power=True))
    time.sleep(0.1)
    lost(session)
    session.do(protocol.Finish())
    status, reason = session.end()
    assert status is SessionStatus.ABORTED
    assert "lost its torque" in reason and reason.endswith("torque is off")


def test_a_hold_that_does_not_come_on_is_refused(bench: Emulator, session: ServoSession) -> None:
    bench.do(control.SwitchOff(arm="follower", servo=3))
    lost(session)
    bench.do(control.Mute(arm="follower", servos=(3,)))
    code, words = session.ask(STOP)
    assert code is Code.TROUBLE and "not held" in words
    assert session.context.phase is Phase.LIMP
    bench.do(control.Mute(arm="follower"))
    assert session.ask(STOP) == (Code.OK, "")
    assert torque(bench) == "111111"


# --- torque that is switched ------------------------------------------------------------------------


def test_release_gets_through_an_overloaded_servo(bench: Emulator, session: ServoSession) -> None:
    bench.do(control.ErrorBits(arm="follower", servo=2))
    session.do(protocol.Release(confirmed=True))
    session.until(Phase.RELEASED)
    assert torque(bench) == "000000" and not session.torque
    session.do(protocol.Follow())
    session.until(Phase.READY)
    assert torque(bench) == "111111"


def test_what_a_release_left_on_is_named_and_a_second_one_gets_it(bench: Emulator, session: ServoSession) -> None:
    arm = bench.arms["follower"].chain
    write = arm._write
    arm._write = lambda code, at, writes: write(code, at, {i: d for i, d in writes.items() if i != 2 or at != 40})  # type: ignore[method-assign]
    code, words = session.ask(protocol.Release(confirmed=True))
    assert code is Code.TROUBLE and words.startswith("torque is on at shoulder_lift, off at ")
    session.until(Phase.LIMP)
    assert torque(bench) == "010000"
    arm._write = write  # type: ignore[method-assign]
    session.do(protocol.Release(confirmed=True))
    session.until(Phase.RELEASED)
    assert torque(bench) == "000000"


def test_finishing_at_rest_says_what_is_still_on(bench: Emulator, tmp_path: Path) -> None:
    session = ServoSession(tmp_path / "lab", profile(bench, rest=REST)).ready()
    session.do(protocol.GoToRest())
    session.until(Phase.RESTED)
    arm = bench.arms["follower"].chain
    write = arm._write
    arm._write = lambda code, at, writes: write(code, at, {i: d for i, d in writes.items() if i != 5 or at != 40})  # type: ignore[method-assign]
    session.do(protocol.Finish())
    status, reason = session.end()
    assert status is SessionStatus.ABORTED and "torque is on at wrist_roll" in reason


def test_finishing_at_rest_cuts_torque_though_a_servo_complains(bench: Emulator, tmp_path: Path) -> None:
    session = ServoSession(tmp_path / "lab", profile(bench, rest=REST)).ready()
    bench.do(control.ErrorBits(arm="follower", servo=2))
    session.do(protocol.Finish())
    assert session.end() == (SessionStatus.FINISHED, "finished by the operator")
    assert torque(bench) == "000000"
    left = session.snapshot.left
    assert left is not None and left.torque is False and left.at_rest


# --- stop and hold ----------------------------------------------------------------------------------


def test_no_stop_session_or_rescue_lowers_a_loaded_arm(bench: Emulator, tmp_path: Path) -> None:
    bench.do(control.Load(arm="follower", servo=2, sag=-34.0))  # 3 degrees
    session = ServoSession(tmp_path / "1", profile(bench)).ready()
    session.follow()
    time.sleep(0.4)
    hangs = bench.look("follower").position[2]
    for _ in range(3):
        assert session.ask(STOP) == (Code.OK, "")
        session.follow()
    session.ask(STOP)
    session.workers.mailbox.request_end()
    _, reason = session.end()
    assert "no rest pose" in reason and reason.endswith("torque is on")
    assert (left := session.snapshot.left) is not None and left.torque is True and not left.at_rest
    for n, purpose in enumerate((Purpose.HOLD, Purpose.TELEOPERATE, Purpose.HOLD)):
        again = ServoSession(tmp_path / f"again{n}", profile(bench, leader=False), purpose).ready()
        time.sleep(0.2)
        again.ask(STOP)
        again.terminate()
    time.sleep(0.2)
    assert bench.look("follower").position[2] >= hangs - 2


def test_connecting_to_a_held_arm_writes_no_goal_and_switches_no_torque(bench: Emulator, tmp_path: Path) -> None:
    first = ServoSession(tmp_path / "1", profile(bench)).ready()
    first.follow()
    first.terminate()
    goals = bench.look("follower").goal
    bench.do(control.Load(arm="follower", servo=2, sag=-34.0))
    time.sleep(0.3)
    began = time.monotonic()
    again = ServoSession(tmp_path / "2", profile(bench)).ready()
    time.sleep(0.3)
    assert not torque_written(bench.arms["follower"], began)
    assert all(written == goals for written in goals_written(bench.arms["follower"], began)), "the very same ticks"
    again.terminate()


@pytest.mark.parametrize("purpose", [Purpose.TELEOPERATE, Purpose.HOLD])
def test_a_squeezing_gripper_keeps_its_grip_through_stops_and_sessions(
    bench: Emulator, tmp_path: Path, purpose: Purpose
) -> None:
    bench.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 6), float(START)) | {6: 1200.0}))
    bench.do(control.Block(arm="follower", servo=6, low=1500.0))
    session = ServoSession(tmp_path / "1", profile(bench)).ready()
    session.follow()
    time.sleep(0.4)
    for _ in range(2):
        session.ask(STOP)
        assert bench.look("follower").goal[6] == pytest.approx(1200, abs=1)
        session.follow()
    session.ask(STOP)
    session.terminate()
    again = ServoSession(tmp_path / "2", profile(bench, leader=False), purpose).ready()
    time.sleep(0.4)
    again.ask(STOP)
    assert bench.look("follower").goal[6] == pytest.approx(1200, abs=1)
    again.terminate()


def test_a_gripper_on_its_way_stops(bench: Emulator, session: ServoSession) -> None:
    bench.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 6), float(START)) | {6: 2900.0}))
    session.follow()
    time.sleep(0.4)
    servo = bench.arms["follower"].chain.servos[6]
    servo.put(46, 400)  # it moves slowly
    bench.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 6), float(START)) | {6: 1100.0}))
    time.sleep(0.5)
    session.ask(STOP)
    stopped = bench.look("follower").position[6]
    assert stopped > 1500
    time.sleep(0.4)
    assert abs(bench.look("follower").position[6] - stopped) < 60


# --- connecting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("arm", ["follower", "leader"])
def test_a_connect_that_fails_leaves_torque_as_it_was_and_says_what_it_is(
    bench: Emulator, tmp_path: Path, arm: str, held: bool
) -> None:
    if held:
        ServoSession(tmp_path / "1", profile(bench, leader=False)).ready().terminate()
    before = torque(bench)
    assert before == ("111111" if held else "000000")
    bench.do(control.SetRegister(arm=arm, servo=4, address=31, value=40))  # another calibration
    status, reason = ServoSession(tmp_path / "2", profile(bench)).end()
    assert status is SessionStatus.ABORTED and f"{arm}: its motors hold another calibration" in reason
    assert reason.endswith(f"The follower is as it was found: torque is {'on' if held else 'off'}")
    assert torque(bench) == before


def test_a_silent_servo_at_connect_leaves_a_limp_arm_limp(bench: Emulator, tmp_path: Path) -> None:
    bench.do(control.Mute(arm="follower", servos=(6,)))
    status, reason = ServoSession(tmp_path / "1", profile(bench)).end()
    assert status is SessionStatus.ABORTED and "torque is off, not known of gripper" in reason
    assert torque(bench) == "000000"


# --- the cable --------------------------------------------------------------------------------------


def test_a_follower_that_was_unplugged_is_back_by_a_key(bench: Emulator, session: ServoSession) -> None:
    session.follow()
    bench.do(control.Unplug(arm="follower"))
    session.until(Phase.HELD)
    until(lambda: session.alarms(AlarmSource.FOLLOWER) == ["the follower was unplugged"])
    assert "did not reach" in session.context.detail
    before = bench.look("follower").position
    bench.do(control.Plug(arm="follower"))
    until(lambda: bool([e for e in session.events(ev.AlarmCleared) if e.source == AlarmSource.FOLLOWER]), 2.0)
    until(lambda: session.context.detail == "holding")
    assert bench.look("follower").position == pytest.approx(before, abs=2), "nothing moves without a key"
    session.follow()


def test_no_other_session_gets_an_arm_by_another_spelling_or_at_its_new_path(
    bench: Emulator, session: ServoSession, tmp_path: Path
) -> None:
    link, another = bench.arms["follower"].port.link, tmp_path / "by-id"
    another.symlink_to(link)
    held = f"is held by session {session.workers.context.run.id}"

    def holder(path: Path) -> str:
        return who_holds(device_keys({"type": "so101_follower", "port": str(path)}, {}, tmp_path))

    before = link.resolve()
    assert held in holder(before) and held in holder(link) and held in holder(another)
    bench.do(control.Unplug(arm="follower"))
    until(lambda: bool(session.alarms(AlarmSource.FOLLOWER)))
    assert held in holder(before), "it may come back here"
    bench.do(control.Plug(arm="follower"))
    until(lambda: bool([e for e in session.events(ev.AlarmCleared) if e.source == AlarmSource.FOLLOWER]), 2.0)
    assert link.resolve() != before
    assert held in holder(link.resolve()) and held in holder(link) and held in holder(another)
    assert held not in holder(before)


def test_why_an_arm_is_not_back_is_said(bench: Emulator, session: ServoSession) -> None:
    arm = bench.arms["follower"]
    bench.do(control.Unplug(arm="follower"))
    until(lambda: len(session.alarms(AlarmSource.FOLLOWER)) == 1)
    bench.do(control.SetRegister(arm="follower", servo=4, address=9, value=777))
    bench.do(control.Plug(arm="follower"))
    until(lambda: len(session.alarms(AlarmSource.FOLLOWER)) == 2)
    bench.do(control.SetRegister(arm="follower", servo=4, address=9, value=RANGE[0]))
    until(lambda: bool([e for e in session.events(ev.AlarmCleared) if e.source == AlarmSource.FOLLOWER]), 2.0)
    first, second = (e for e in session.events(ev.AlarmRaised) if e.source == AlarmSource.FOLLOWER)
    assert (first.text, first.answer) == ("the follower was unplugged", "plug it in")
    assert f"the arm at {arm.port.link} now has another calibration" in second.text
    assert second.answer == "plug in the one from before" and second.advice is Advice.RESUME


def test_a_leader_that_was_unplugged_is_followed_again_by_a_key(bench: Emulator, session: ServoSession) -> None:
    session.follow()
    bench.do(control.Unplug(arm="leader"))
    session.until(Phase.HELD)
    until(lambda: session.alarms(AlarmSource.LEADER) == ["the leader was unplugged"])
    bench.do(control.Plug(arm="leader"))
    until(lambda: bool([e for e in session.events(ev.AlarmCleared) if e.source == AlarmSource.LEADER]), 2.0)
    session.follow()


@pytest.mark.parametrize("arm", ["leader", "follower"])
def test_an_arm_that_is_silent_for_a_moment_ends_nothing(bench: Emulator, session: ServoSession, arm: str) -> None:
    """LeRobot's driver asks three times before a reading fails: that takes 0.15 s, and here 0.6 s."""
    session.follow()
    session.context.lapses.begin()

    def missed() -> bool:
        return any(flag.startswith(f"{arm} missed ") for flag in session.context.lapses.flags)

    for _ in range(20):  # a busy machine may ask for the last time when it is over
        bench.do(control.Silence(arm=arm, seconds=0.55))
        with suppress(AssertionError):
            until(missed, 1.0)
            break
    assert missed()
    bench.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 7), START + 100.0)))
    until(lambda: session.context.pose["shoulder_pan"] == pytest.approx(100 * 360 / 4095, abs=0.5), 20)
    assert session.context.phase is Phase.READY and session.alarms(AlarmSource(arm)) == []
    assert any(flag.startswith("late periods ") for flag in session.context.lapses.flags), "rows are missing"


def test_an_end_without_the_follower_is_not_the_operators(bench: Emulator, tmp_path: Path) -> None:
    session = ServoSession(tmp_path / "lab", profile(bench, rest=REST)).ready()
    session.follow()
    bench.do(control.Unplug(arm="follower"))
    session.until(Phase.HELD)
    session.do(protocol.Finish())
    status, reason = session.end()
    assert status is SessionStatus.ABORTED and "not brought to rest" in reason
    assert "whether torque is on is not known" in reason and "finished by the operator" not in reason


def test_a_late_answer_in_a_session_shifts_nothing(bench: Emulator, session: ServoSession) -> None:
    session.follow()
    bench.do(control.Delay(arm="leader", seconds=0.25))
    bench.do(control.Delay(arm="follower", seconds=0.25))
    time.sleep(0.6)
    if session.context.phase is not Phase.READY:
        session.follow()
    bench.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 7), START + 100.0)))
    time.sleep(0.5)
    session.ask(STOP)
    assert session.context.pose["shoulder_pan"] == pytest.approx(100 * 360 / 4095, abs=0.5)

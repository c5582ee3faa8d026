"""A reading that fails for a moment: the take goes on and says so; what fails for longer holds the arm as ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.health.bench_thresholds import check_thresholds
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.workers.arm.arm import Mode
from services.workers.arm.control_loop import ControlLoop
from services.workers.arm.device_guard import GRACE_S
from services.workers.arm.lapses import Lapses
from services.workers.arm.readings import STALE_S, stale
from services.workers.arm.serial_bus import NoAnswer, Unplugged
from services.workers.process.mailbox import Refused
from services.workers.process.replies import NoReply
from sessions.models import SessionKind
from tests.services.workers.arm.test_control_loop import Recording, loop_of, running, told, until
from tests.support.phase_walk import REST, Case, Workers

FPS = 30
GRACE = round(GRACE_S * FPS)
"""Periods."""


class Camera:
    fps = 30
    latest_timestamp: float | None = None

    def __init__(self) -> None:
        self.count = 0
        self.fails: Exception | None = None
        self.fails_once: Exception | None = None

    def __str__(self) -> str:
        return "Camera(0)"

    def read_latest(self) -> Any:
        if self.fails is not None:
            raise self.fails
        once, self.fails_once = self.fails_once, None
        if once is not None:
            raise once
        self.count += 1
        return np.full((48, 64, 3), 60 + self.count, np.uint8)


class Bench:
    """A loop that follows, in steps, and what becomes of each period."""

    def __init__(self, workers: Workers) -> None:
        self.strategy, self.camera = Recording(), Camera()
        devices: Any = workers._devices(leader=True)
        devices.cameras["wrist"] = self.camera
        case = Case(SessionKind.RECORD, Phase.IDLE)
        self.loop = ControlLoop(workers.context, devices, workers._profile(case), self.strategy, fps=FPS, lockstep=True)
        self.robot, self.leader = devices.robot, devices.teleop
        self.observe, self.measure, self.act = (
            self.robot.get_observation,
            self.robot.bus.sync_read,
            self.leader.get_action,
        )
        self.robot.get_observation = lambda: self.observe() | {"wrist": self.camera.read_latest()}
        self.rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.strategy.tick = lambda observation, action: self.rows.append((observation, action))
        self.strategy.setup(self.loop.context)
        self.context = self.loop.context
        self.context.arm.goal = dict(REST)
        self.context.arm.follow()
        self.context.enter(Phase.READY)
        self.loop.tick()
        self.context.lapses.begin()

    def periods(self, count: int = 1) -> None:
        for _ in range(count):
            self.loop.tick()

    def silence(self, device: str, error: Exception | None = None) -> None:
        error = error or NoAnswer(f"{device}: answers get lost or come late")

        def fail(*_: Any) -> Any:
            raise error

        if device == "leader":
            self.leader.get_action = fail
        elif device == "wrist":
            self.camera.fails = TimeoutError(f"{self.camera} latest frame is too old")
        else:
            self.robot.get_observation = self.robot.bus.sync_read = fail

    def answer(self) -> None:
        self.leader.get_action, self.camera.fails = self.act, None
        self.robot.bus.sync_read = self.measure
        self.robot.get_observation = lambda: self.observe() | {"wrist": self.camera.read_latest()}


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench(workers: Workers) -> Iterator[Bench]:
    made = Bench(workers)
    yield made
    made.loop.close()


def alarms(workers: Workers) -> list[str]:
    workers.journal.commit(ev.NoteAdded(text="until here"))
    return [e.text for e in told(workers, ev.AlarmRaised)]


# --- one reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["leader", "wrist", "follower"])
def test_one_reading_that_fails_does_not_end_a_take_but_flags_it(workers: Workers, bench: Bench, device: str) -> None:
    bench.silence(device)
    bench.periods()
    bench.answer()
    bench.periods(2)
    assert bench.context.phase is Phase.READY and bench.context.arm.mode is Mode.FOLLOW
    assert alarms(workers) == []
    assert bench.context.lapses.flags == [f"{device} missed 1"]
    bench.context.lapses.begin()
    assert bench.context.lapses.flags == [], "the next take missed nothing"


def test_a_camera_that_raised_is_named_though_its_error_does_not_and_it_can_be_read_again(bench: Bench) -> None:
    bench.camera.fails_once = RuntimeError("no new picture")
    bench.periods(2)
    assert bench.context.lapses.flags == ["wrist missed 1"]


def test_what_fails_beside_the_cameras_is_the_observation(bench: Bench) -> None:
    def fail() -> Any:
        raise ValueError("the scene cannot be told")

    bench.robot.get_observation = fail
    bench.periods()
    assert bench.context.lapses.flags == ["observation missed 1"]


def test_while_the_leader_is_silent_the_arm_holds_its_last_goal(bench: Bench) -> None:
    bench.leader.bus.pose = REST | {"shoulder_pan": 5.0}
    bench.periods()
    goal = dict(bench.context.arm.goal)
    bench.silence("leader")
    bench.leader.bus.pose = REST | {"shoulder_pan": 9.0}
    bench.periods(2)
    assert bench.context.arm.goal == goal and len(bench.rows) == 4, "its rows are recorded, and flagged"


def test_a_picture_that_stands_in_comes_with_the_pose_as_it_is_now(bench: Bench) -> None:
    before = bench.rows[-1][0]["wrist"]
    bench.silence("wrist")
    bench.robot.bus.pose = REST | {"shoulder_pan": 3.0}
    bench.periods()
    observation, _ = bench.rows[-1]
    assert observation["wrist"] is before and observation["shoulder_pan.pos"] == 3.0
    assert bench.context.readings.frames == {}, "no check takes it for a fresh one"


def test_a_state_that_was_not_read_is_never_recorded(bench: Bench) -> None:
    sent: list[Any] = []
    bench.robot.send_action = sent.append
    bench.silence("follower")
    rows = len(bench.rows)
    bench.periods(2)
    assert len(bench.rows) == rows and sent == [] and bench.context.lapses.flags == ["follower missed 2"]


# --- longer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["leader", "wrist", "follower"])
def test_what_is_silent_for_longer_holds_the_arm_with_an_alarm(workers: Workers, bench: Bench, device: str) -> None:
    bench.silence(device)
    bench.periods(GRACE)
    assert bench.context.phase is Phase.READY
    bench.periods(2)
    assert bench.context.phase is Phase.HELD and bench.context.arm.mode is Mode.HOLD
    assert len(alarms(workers)) == 1 and device in alarms(workers)[0]


@pytest.mark.parametrize("device", ["leader", "follower"])
def test_what_was_pulled_out_holds_the_arm_at_once(workers: Workers, bench: Bench, device: str) -> None:
    bench.silence(device, Unplugged(f"the {device} was unplugged"))
    bench.periods()
    assert bench.context.phase is Phase.HELD and alarms(workers) == [f"the {device} was unplugged"]


def test_a_stop_on_a_follower_that_is_silent_for_a_moment_is_not_called_a_hold(bench: Bench) -> None:
    bench.silence("follower")
    bench.periods()
    with pytest.raises(Refused) as refused:
        bench.loop.commands.dispatch(protocol.Stop(), NoReply())
    assert refused.value.code is Code.TROUBLE and "CUT THE POWER" in str(refused.value)


def test_a_follower_that_is_back_has_its_torque_read_at_once(bench: Bench) -> None:
    bench.silence("follower")
    bench.periods()
    bench.answer()
    bench.robot.bus.torque = False
    bench.periods()
    assert bench.context.phase is Phase.LIMP


@pytest.mark.parametrize("device", ["wrist", "follower"])
def test_no_picture_from_before_an_alarm_ever_stands_in(bench: Bench, device: str) -> None:
    bench.silence(device)
    bench.periods(GRACE + 2)
    bench.context.guard.mark_working("observation")
    bench.context.guard.mark_working("follower")
    bench.answer()
    bench.silence("wrist")
    assert bench.context.readings.observe()[0] is None


# --- pictures that LeRobot repeats -------------------------------------------------------------------


def test_a_picture_that_is_given_again_for_too_long_counts_as_missed(bench: Bench) -> None:
    bench.camera.latest_timestamp = 1.0  # long ago
    bench.periods()
    assert bench.context.lapses.flags == ["wrist missed 1"]


def test_a_slow_camera_is_given_two_of_its_intervals() -> None:
    def camera(age: float, fps: float | None) -> Any:
        return SimpleNamespace(latest_timestamp=10.0 - age, fps=fps)

    cameras = {"fresh": camera(0.05, 30), "old": camera(STALE_S + 0.05, 30), "slow": camera(0.3, 5)}
    assert stale(cameras | {"silent": SimpleNamespace(), "none": camera(0.2, None)}, 10.0) == ["old", "none"]


# --- late periods ------------------------------------------------------------------------------------


def count(lapses: Lapses, *behind: float) -> list[str]:
    lapses.begin()
    for seconds in behind:
        lapses.note_period(seconds, 1 / FPS)
    return lapses.flags


ON_TIME, LATE, GAP = 0.001, 0.02, 0.15


@pytest.mark.parametrize(
    ("behind", "flags"),
    [
        ([ON_TIME] * 200, []),
        ([ON_TIME] * 198 + [LATE] * 2, []),
        ([ON_TIME] * 197 + [LATE] * 3, ["late periods 3"]),
        ([ON_TIME] * 1000 + [GAP], ["late periods 5"]),
    ],
)
def test_a_take_whose_loop_came_late_is_flagged_with_the_count(behind: list[float], flags: list[str]) -> None:
    assert count(Lapses({}), *behind) == flags


def test_a_bench_may_set_how_late_is_too_late() -> None:
    lenient = {"late": {"share": 0.1, "late_s": 0.5}}
    check_thresholds(lenient)
    assert count(Lapses(lenient), *[ON_TIME] * 197, LATE, LATE, LATE, GAP) == []


def test_the_control_loop_counts_the_periods_that_it_missed(workers: Workers) -> None:
    strategy = Recording()
    loop = loop_of(workers, strategy, fps=100)
    waits: list[Callable[[], None]] = []
    strategy.tick = lambda *_: waits.pop()() if waits else None
    thread, _ = running(loop)
    until(lambda: loop.context.phase is Phase.READY)
    loop.context.lapses.begin()
    waits.append(lambda: time.sleep(0.3))
    until(lambda: not waits and any("late periods" in flag for flag in loop.context.lapses.flags))
    loop._done = True
    thread.join(10)

"""A log of every packet proves that an arm is driven safely: LeRobot's drivers on emulated servos, whole sessions.

Sessions with faults: test_bus_faults.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services import arm_commands
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import StopCause
from services.live.requests import Purpose
from services.sim.servos import control
from services.sim.servos.emulator import START, Emulator
from services.sim.servos.packets import SYNC_READ, SYNC_WRITE, WRITE, Said, read_log
from services.sim.servos.process import Servos
from sessions.bench import Motion
from sessions.models import SessionStatus
from tests.support.packet_rules import TICKS_PER_DEGREE, Bench, Broken, Rule, Story, broken
from tests.support.rig import Rig, follow, gone, press, recorded, wait_until
from tests.support.servo_session import REST, RecordSession, ServoSession, profile
from tests.support.servos import torque, wait_longer

FPS = 30
SWING = 160.0
"""Ticks a period: about 8 degrees, below what following allows and above what the arm does by itself."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 150.0)
    for what in ("AFTER_STOP_S", "BURST_S"):
        monkeypatch.setattr(f"services.workers.arm.debounce.{what}", 0.05)


class Watched:
    """Sessions on one arm, one after the other, and what they were asked."""

    def __init__(self, bench: Emulator, root: Path) -> None:
        self.bench, self._root, self.story = bench, root, Story()
        self._sessions: list[ServoSession] = []
        self.motion: Motion | None = None

    def begin(self, session: ServoSession) -> Any:
        self._sessions.append(session)
        self.motion = session.request.profile.motion
        return session.ready()

    @property
    def session(self) -> ServoSession:
        return self._sessions[-1]

    def stop(self) -> tuple[Code, str]:
        self.story.stops.append(time.monotonic())
        return self.session.ask(protocol.Stop(cause=StopCause.X))

    def release(self) -> None:
        self.story.releases.append(time.monotonic())
        self.session.do(protocol.Release(confirmed=True))
        self.session.until(Phase.RELEASED)

    def broken(self) -> list[Broken]:
        for session in self._sessions:
            self.story.add(session.workers.context.run.events)
        assert self.motion is not None
        return broken(self.bench.arms["follower"].log.since(), Bench.of(self.motion, FPS), self.story)


@pytest.fixture
def watched(bench: Emulator, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(bench, tmp_path)
    yield made
    for session in made._sessions:
        if session.running:
            session.terminate()


def swing(bench: Emulator, ticks: float = 300.0) -> None:
    """The leader's hand moves to and fro."""
    began = time.monotonic()

    def hand(_: float) -> dict[int, float]:
        there = (time.monotonic() - began) / 0.8 % 2
        return dict.fromkeys(range(1, 7), START + ticks * (there if there < 1 else 2 - there))

    bench.arms["leader"].chain.plant.hand = hand  # type: ignore[attr-defined]


def test_a_recording_from_a_limp_arm_to_rest_breaks_no_rule(bench: Emulator, tmp_path: Path, watched: Watched) -> None:
    slow = profile(bench, rest=REST, max_joint_speed=60.0)
    session: RecordSession = watched.begin(RecordSession(tmp_path / "lab", slow))
    swing(bench)
    session.follow()
    session.start_take()
    session.frames(20)
    session.end_take()
    for _ in range(3):
        assert watched.stop() == (Code.OK, "")
        session.until(Phase.HELD)
        session.follow()
    session.do(protocol.Finish())
    assert session.end()[0] is SessionStatus.FINISHED
    assert torque(bench) == "000000"
    log = bench.arms["follower"].log.since()
    assert sum(bool(said.values(42, 2)) for said in log) > 40 and sum(bool(said.values(40, 1)) for said in log) >= 12
    assert watched.broken() == []


def test_releases_rescues_and_a_load_break_no_rule(bench: Emulator, tmp_path: Path, watched: Watched) -> None:
    session = watched.begin(ServoSession(tmp_path / "1", profile(bench)))
    swing(bench, 100.0)
    session.follow()
    watched.release()
    bench.do(control.Load(arm="follower", servo=2, sag=-34.0))
    session.follow()
    watched.stop()
    session.terminate()
    rescue = watched.begin(ServoSession(tmp_path / "2", profile(bench, leader=False, rest=REST), Purpose.HOLD))
    watched.stop()
    rescue.until(Phase.HELD, Phase.IDLE)
    watched.release()
    rescue.end()
    assert torque(bench) == "000000"
    assert watched.broken() == []


async def test_a_rescue_after_a_worker_that_hung_and_was_killed_breaks_no_rule(quick_rig: Rig, tmp_path: Path) -> None:
    with closing(Servos(tmp_path / "servos", "follower", "leader:leader")) as servos:
        bench, story = profile(servos, rest=REST), Story()
        servos.do(control.Load(arm="follower", servo=2, sag=-34.0))
        run = quick_rig.record(bench, episode_seconds=60.0)
        async with quick_rig.attached(run) as link:
            await follow(link)
            await press(link, lambda: protocol.StartTake(take=1))
            servos.do(control.Hand(arm="leader", ticks=dict.fromkeys(range(1, 7), START + 100.0)))
            await recorded(link)
            os.kill(quick_rig.pid(run), signal.SIGSTOP)
        hangs = servos.look("follower")
        os.kill(quick_rig.pid(run), signal.SIGKILL)  # as the console does where a stop is not answered
        await asyncio.to_thread(wait_until, gone(run))
        assert all(hangs.torque.values()), "the servos hold by themselves"
        rescue = arm_commands.begin(quick_rig.folder, bench, Purpose.HOLD, rescue=True)
        async with quick_rig.attached(rescue) as link:
            assert link.snapshot.phase is Phase.IDLE, link.snapshot.end_reason
            story.stops.append(time.monotonic())
            await press(link, lambda: protocol.Stop(cause=StopCause.X))
            story.releases.append(time.monotonic())
            await press(link, lambda: protocol.Release(confirmed=True))
            await link.until(lambda s: not s.running, 30)
        assert not any(servos.look("follower").torque.values())
        log = read_log(servos.log("follower"))
    story.add(run.events).add(rescue.events)
    assert broken(log, Bench.of(bench.motion, FPS), story) == []


# --- the rules themselves -----------------------------------------------------------------------------

AT = {1: 2000, 6: 2000}
"""Two servos: a joint and the gripper."""
MOTION = Motion(max_joint_speed=60.0, max_follow_speed=300.0, rest={"shoulder_pan": 0.0, "gripper": 50.0})
HERE = Bench.of(MOTION, FPS)
OWN = round(60 / FPS * TICKS_PER_DEGREE)
FAR = round(20 * TICKS_PER_DEGREE)


class Written:
    """A log that somebody makes up."""

    def __init__(self, *, torque: frozenset[int] = frozenset(AT), **at: int) -> None:
        self.log: list[Said] = []
        self.at, self.torque, self.now = dict(AT), torque, 100.0
        self.story = Story([(0.0, Phase.IDLE)])

    def _say(self, code: int, address: int, writes: dict[int, bytes]) -> None:
        self.now += 0.01
        self.log.append(Said(self.now, code, address, writes, dict(self.at), self.torque))

    def read(self) -> None:
        self._say(SYNC_READ, 56, {})

    def goal(self, ticks: int, servo: int = 1) -> None:
        self._say(SYNC_WRITE, 42, {servo: ticks.to_bytes(2, "little")})

    def switch(self, *, on: bool, servo: int = 1) -> None:
        self._say(WRITE, 40, {servo: bytes((on,))})
        self.torque = self.torque | {servo} if on else self.torque - {servo}

    def enter(self, phase: Phase) -> None:
        self.now += 0.01
        self.story.phases.append((self.now, phase))

    @property
    def rules(self) -> list[Rule]:
        return [each.rule for each in broken(self.log, HERE, self.story)]


def limp() -> Written:
    return Written(torque=frozenset())


def test_torque_needs_a_goal_where_the_arm_stands_right_before_it() -> None:
    good, none, elsewhere, moved = limp(), limp(), limp(), limp()
    for each in (good, none, elsewhere, moved):
        each.read()
    good.goal(2001)
    elsewhere.goal(2050)
    moved.goal(2000)
    moved.at[1] = 2200
    for each in (good, none, elsewhere, moved):
        each.switch(on=True)
    assert good.rules == []
    assert none.rules == [Rule.GOAL_FIRST]
    assert elsewhere.rules == [Rule.GOAL_FIRST, Rule.GOAL_FIRST], "a limp arm gets another goal, and torque"
    assert moved.rules == [Rule.GOAL_FIRST]


@pytest.mark.parametrize(
    ("phase", "step", "rules"),
    [
        (Phase.ALIGNING, OWN, []),
        (Phase.ALIGNING, 2 * OWN, [Rule.STEP]),
        (Phase.RESTING, 2 * OWN, [Rule.STEP]),
        (Phase.RECORDING, 5 * OWN, []),
        (Phase.RUNNING, 6 * OWN, [Rule.STEP]),
    ],
)
def test_no_step_is_above_the_limit_of_its_phase(phase: Phase, step: int, rules: list[Rule]) -> None:
    made = Written()
    made.read()
    made.goal(2000)
    made.enter(phase)
    made.goal(2000)
    made.goal(2000 + step)
    made.goal(2000 + step)
    assert made.rules == rules


def test_a_held_arm_keeps_its_goal_or_is_held_where_it_is_measured_if_that_is_far() -> None:
    def held(goal: int, *, measured: int = 2000) -> list[Rule]:
        made = Written()
        made.goal(2000)
        made.at[1] = measured
        made.enter(Phase.HELD)
        for _ in range(5):
            made.read()
        made.goal(goal)
        made.goal(goal)
        return made.rules

    assert held(2000) == [] == held(2000, measured=1980)
    assert held(1980, measured=1980) == [Rule.HELD], "a load would sink with each stop"
    assert held(2000 - FAR, measured=2000 - FAR) == []
    assert held(2000 + OWN) == [Rule.HELD]


def test_one_step_at_most_is_taken_after_a_stop_was_asked_for() -> None:
    def stopping(steps: int) -> list[Rule]:
        made = Written()
        made.goal(2000)
        made.enter(Phase.READY)
        made.story.stops.append(made.now)
        for step in range(steps):
            made.read()
            made.goal(2000 + OWN * (step + 1))
        made.enter(Phase.HELD)
        made.goal(2000 + OWN * steps)
        return made.rules

    assert stopping(1) == []
    assert stopping(2) == [Rule.SLOW_STOP]


def test_torque_is_cut_at_rest_or_after_a_confirmed_release() -> None:
    def cut(at: int, *, confirmed: float | None = None, taught: bool = True, on_again: bool = False) -> list[Rule]:
        made = Written(torque=frozenset({1}))
        made.at[1] = at
        made.story.releases = [] if confirmed is None else [made.now - confirmed]
        if on_again:
            made.goal(2000, servo=6)
            made.switch(on=True, servo=6)
        made.switch(on=False)
        bench = HERE if taught else replace(HERE, rest={})
        return [each.rule for each in broken(made.log, bench, made.story)]

    assert cut(2000) == cut(2000 + FAR, confirmed=1.0) == []
    assert cut(2000 + FAR) == cut(2000 + FAR, confirmed=60.0) == cut(2000, taught=False) == [Rule.DROPPED]
    assert cut(2000 + FAR, confirmed=1.0, on_again=True) == [Rule.DROPPED], "a release counts once"

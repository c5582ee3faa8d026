"""What a serial bus does to a session: what an operator reads, what becomes of the take or the trial, what holds.

Each kind of session goes through the faults one after the other, on LeRobot's drivers, and every packet of it is
replayed against the rules of safety.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource, StopCause
from services.live.requests import CONSOLE
from services.sim.servos import control
from services.sim.servos.emulator import START, Emulator
from sessions.models import EndedBy, SessionStatus, Verdict
from tests.support.checkpoints import make_copycat
from tests.support.packet_rules import Bench, Story, broken
from tests.support.servo_session import REST, EvalSession, RecordSession, ServoSession, profile, until
from tests.support.servos import torque, wait_longer

FPS = 30
STOP = protocol.Stop(cause=StopCause.X)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_longer(monkeypatch, 100.0)
    for what in ("AFTER_STOP_S", "BURST_S"):
        monkeypatch.setattr(f"services.workers.arm.debounce.{what}", 0.05)
    monkeypatch.setattr("services.workers.recording.strategy.SHORT_S", 0.0)


# --- what is going on when the fault comes ----------------------------------------------------------------


class Following:
    """A session and what it does; `attempts` counts takes or trials."""

    busy = Phase.READY
    attempts = 0

    def __init__(self, bench: Emulator, root: Path) -> None:
        self.session = self.open(bench, root)
        self.session.ready()

    def open(self, bench: Emulator, root: Path) -> ServoSession:
        """Start the session."""
        return ServoSession(root, profile(bench, rest=REST), fps=FPS)

    def begin(self) -> None:
        """Something goes on."""
        if not self.session.context.phase.following:
            self.session.follow()

    def check_failed(self, why: str) -> None:
        """What became of it, once something failed."""

    def check_went_on(self) -> None:
        """It goes on, as it did before."""
        assert self.session.snapshot.phase is self.busy

    def check_kept(self) -> None:
        """After the end: nothing that was recorded is lost."""


class Taking(Following):
    session: RecordSession
    busy = Phase.RECORDING

    def open(self, bench: Emulator, root: Path) -> ServoSession:
        return RecordSession(root, profile(bench, rest=REST), fps=FPS)

    def begin(self) -> None:
        super().begin()
        self.session.start_take()
        self.attempts += 1

    def check_failed(self, why: str) -> None:
        episode = self.session.episode()
        assert "failed" in episode.flags and not episode.accepted, "kept, and rejected until a person accepts it"
        assert episode.frames >= 5
        assert self.session.events(ev.TakeEnded)[-1].reason is EndedBy.FAILED

    def check_went_on(self) -> None:
        super().check_went_on()
        self.session.frames(5)
        episode = self.session.end_take()
        assert episode.accepted and episode.retried["follower"] >= 2
        assert f"follower retried {episode.retried['follower']}" in episode.flags

    def check_kept(self) -> None:
        assert len(self.session.snapshot.episodes) == self.attempts and not self.session.snapshot.lost


class Trying(Following):
    session: EvalSession
    busy = Phase.RUNNING

    def open(self, bench: Emulator, root: Path) -> ServoSession:
        wave = np.outer(np.sin(np.arange(3000) / 20), np.ones(6)) * 3 + [0, 0, 0, 0, 0, 50]
        return EvalSession(root, profile(bench, rest=REST), make_copycat(root / "policy" / "000010", wave), fps=FPS)

    def begin(self) -> None:
        self.attempts += 1
        if self.session.context.phase is Phase.HELD:
            self.session.do(protocol.GoToRest())
            self.session.until(Phase.RESTED)
        self.session.start_trial(self.attempts)

    def check_failed(self, why: str) -> None:
        trial = self.session.snapshot.trials[-1]
        assert (trial.ended_by, trial.why, trial.verdict) == (EndedBy.FAILED, why, Verdict.VOID), "void by default"
        assert trial.judge == CONSOLE and f"trial {self.attempts} is void" in self.session.context.detail

    def check_went_on(self) -> None:
        super().check_went_on()
        self.session.judge(self.attempts, Verdict.SUCCESS)
        self.session.until(Phase.RESTED)
        until(lambda: len(self.session.snapshot.episodes) == self.attempts)
        assert any(flag.startswith("follower retried ") for flag in self.session.snapshot.episodes[-1].flags)

    def check_kept(self) -> None:
        trials = self.session.snapshot.trials
        assert len(trials) == self.attempts and all(trial.episode_index is not None for trial in trials)


KINDS = (Following, Taking, Trying)


@pytest.fixture(params=KINDS)
def work(bench: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Following]:
    made: Following = request.param(bench, tmp_path / "lab")
    yield made
    if made.session.running:
        made.session.terminate()


# --- the faults -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What is done, what ends it, and what an operator reads."""

    begin: control.AnyAct
    end: control.AnyAct
    text: str
    source: AlarmSource = AlarmSource.FOLLOWER
    answer: str = ""
    only: tuple[type[Following], ...] = KINDS


NO_ANSWER = "none of its servos answers; do they have power?"
FAULTS = (
    Fault(
        control.Silence(arm="follower"), control.Silence(arm="follower", seconds=0), f"follower: {NO_ANSWER}"
    ),
    Fault(
        control.Mute(arm="follower", servos=(6,)), control.Mute(arm="follower"),
        "follower: gripper (6) does not answer", only=(Taking,),
    ),
    Fault(
        control.Unplug(arm="follower"), control.Plug(arm="follower"), "the follower was unplugged",
        answer="plug it in", only=(Taking, Trying),
    ),
    Fault(
        control.Silence(arm="leader"), control.Silence(arm="leader", seconds=0), f"leader: {NO_ANSWER}",
        AlarmSource.LEADER, only=(Taking,),
    ),
)  # fmt: skip


def suffer(bench: Emulator, work: Following, fault: Fault) -> None:
    """The fault while something goes on, and its end: told, named, held."""
    session = work.session
    work.begin()
    bench.do(fault.begin)
    session.until(Phase.HELD)
    until(lambda: any(alarm.source == fault.source for alarm in session.snapshot.alarms))
    assert [(alarm.text, alarm.answer) for alarm in session.snapshot.alarms] == [(fault.text, fault.answer)]
    code, words = session.ask(STOP)
    if fault.source is AlarmSource.FOLLOWER:
        assert session.context.detail.startswith("the hold did not reach the follower: it does not answer")
        assert code is Code.TROUBLE and words.startswith("the follower does not answer") and "CUT THE POWER" in words
    else:
        assert session.context.detail.startswith("holding") and code is Code.OK
        assert session.ask(protocol.Follow())[1] == "the leader does not work yet: see the alarm"
    bench.do(fault.end)
    until(lambda: session.snapshot.alarms == ())
    until(lambda: session.context.detail.startswith("holding"))
    assert torque(bench) == "111111" and session.torque, "the servos held by themselves"
    work.check_failed(fault.text)


def test_a_fault_of_the_bus_is_named_holds_and_loses_nothing(bench: Emulator, work: Following) -> None:
    session = work.session
    work.begin()
    bench.do(control.Loss(arm="follower", drop=0.01, corrupt=0.01))
    wires = session.context.wires
    before = wires.views["follower"].retried
    until(lambda: wires.views["follower"].retried >= before + 2)
    bench.do(control.Loss(arm="follower"))
    bench.do(control.Silence(arm="follower", seconds=0.3))
    until(lambda: time.monotonic() > bench.arms["follower"].chain.faults.silent_until)
    work.check_went_on()
    assert session.events(ev.AlarmRaised) == [], "a few lost answers and a moment of silence are no alarm"
    for fault in FAULTS:
        if type(work) in fault.only:
            suffer(bench, work, fault)

    if isinstance(work, Taking):
        lose_torque(bench, work)
    work.begin()
    bench.do(control.ErrorBits(arm="follower", servo=2, bits=32 | 4))
    session.do(protocol.Finish())
    assert session.end() == (SessionStatus.FINISHED, "finished by the operator"), "a good recording is hidden by no bit"
    assert torque(bench) == "000000"
    work.check_kept()
    story = Story().add(session.workers.context.run.events)
    motion = session.request.profile.motion
    assert broken(bench.arms["follower"].log.since(), Bench.of(motion, FPS), story) == []


def lose_torque(bench: Emulator, work: Following) -> None:
    """Servos that lose their power, and one that protects itself: not held, and said so, until a key holds them."""
    session = work.session
    for act, words in (
        (control.Silence(arm="follower", seconds=0.3, power=True), "the arm lost its torque"),
        (control.SwitchOff(arm="follower", servo=4), "wrist_flex lost torque"),
    ):
        work.begin()
        bench.do(act)
        session.until(Phase.LIMP)
        until(lambda words=words: any(text.startswith(words) for text in session.alarms(AlarmSource.TORQUE)))
        assert not session.torque
        work.check_failed(words)
        bench.do(control.ErrorBits(arm="follower", servo=4, bits=0))
        until(lambda: session.ask(STOP)[0] is Code.OK)
        assert torque(bench) == "111111" and session.torque
    until(lambda: session.snapshot.alarms == ())


@pytest.mark.parametrize("work", [Taking, Trying], indirect=True)
def test_a_bus_that_is_silent_for_good_ends_the_session_unheld_and_keeps_what_was_recorded(
    bench: Emulator, work: Following
) -> None:
    work.begin()
    bench.do(control.Silence(arm="follower"))
    work.session.until(Phase.HELD)
    work.session.do(protocol.Finish())
    status, reason = work.session.end()
    assert status is SessionStatus.ABORTED
    assert reason == (
        "the follower does not answer, the arm was not brought to rest; "
        "whether torque is on is not known: the motors do not answer"
    )
    work.check_kept()
    assert torque(bench) == "111111" and bench.look("follower").goal[1] == pytest.approx(START, abs=60)

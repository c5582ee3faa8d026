"""Sessions with an arm on emulated servos: the worker's body on a thread, LeRobot's real drivers below it."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from services.bench.profiles import Profile
from services.live import events as ev
from services.live import protocol
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.live.requests import BenchRequest, EvalRequest, Purpose, RecordRequest
from services.live.snapshots import Snapshot, replay
from services.sim.servos.emulator import JOINTS, Emulator
from services.workers import evaluate, record
from services.workers.arm.bench_strategy import BenchStrategy
from services.workers.arm.context import ArmContext
from services.workers.arm.run_arm import Make, run_armed
from services.workers.arm.strategy import Strategy
from services.workers.inference import child, policy_server
from services.workers.process.context import Context
from services.workers.process.replies import Received
from services.workers.process.run_worker import CannotStart, End
from sessions.bench import Motion
from sessions.models import Episode, SessionStatus, Verdict
from sessions.requests import ArmRequest
from tests.support.phase_walk import Workers
from tests.support.servos import table

REST = dict.fromkeys(JOINTS, 0.0) | {"shoulder_lift": -20.0, "gripper": 50.0}


def profile(
    emulator: Emulator, *, leader: bool = True, cameras: dict[str, Any] | None = None, **motion: Any
) -> Profile:
    """The bench of the emulator's arms."""
    return Profile(
        name="servos",
        robot=table(emulator, "follower") | ({"cameras": cameras} if cameras else {}),
        teleop=table(emulator, "leader") if leader else {},
        motion=Motion(**{"max_joint_speed": 200.0, "max_gripper_speed": 200.0, **motion}),
    )


class ServoSession:
    """One session, from connect to disconnect."""

    def __init__(
        self, root: Path, bench: Profile, purpose: Purpose = Purpose.TELEOPERATE, *, fps: int = 30, **asked: Any
    ) -> None:
        request = BenchRequest(data_dir=str(root), profile=bench, purpose=purpose, fps=fps, **asked)
        self._begin(root, request)

    def _begin(self, root: Path, request: ArmRequest) -> None:
        self.workers = Workers(root)
        self.status, self.reason = SessionStatus.RUNNING, ""
        self.request = request
        self._strategy: Strategy | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        _begun.append(self)

    def _run(self) -> None:
        try:
            self.status, self.reason = self._work()
        except CannotStart as error:
            self.status, self.reason = SessionStatus.ABORTED, str(error)
        except Exception as error:
            self.status, self.reason = SessionStatus.CRASHED, repr(error)
        finally:
            self.workers.close()

    def _work(self) -> End:
        assert isinstance(self.request, BenchRequest)
        purpose = self.request.purpose
        strategy = BenchStrategy(purpose)
        if purpose is Purpose.TELEOPERATE:
            strategy._first = None  # follow by command
        return self._run_armed(lambda: lambda context, devices: strategy, arm_only=purpose is not Purpose.TELEOPERATE)

    def _run_armed(self, load: Callable[[], Make], **options: Any) -> End:
        def seeing() -> Make:
            make = load()

            def see(context: Context, devices: Any) -> Strategy:
                self._strategy = make(context, devices)
                return self._strategy

            return see

        return run_armed(self.workers.context, self.request, load=seeing, **options)

    @property
    def context(self) -> ArmContext:
        """The session's arm, once it is there."""
        until(lambda: hasattr(self._strategy, "_context"), 20)
        context: ArmContext = vars(self._strategy)["_context"]
        return context

    @property
    def snapshot(self) -> Snapshot:
        """What its events tell, as an operator sees it."""
        return replay(read_events(self.workers.context.run.events))

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def ready(self) -> ServoSession:
        """Connected, and holding or limp."""
        until(lambda: not self.running or self.workers.mailbox.open, 60)  # it imports LeRobot
        assert self.running, self.reason
        return self

    def ask(self, command: protocol.Command) -> tuple[Code, str]:
        """Send it; what is answered."""
        answers: queue.Queue[tuple[Code, str]] = queue.Queue()
        self.workers.mailbox.receive(Received(command, lambda code, words: answers.put((code, words))))
        return answers.get(timeout=10)

    def do(self, command: protocol.Command) -> None:
        """Send it, again where it came too soon after a stop; it has to be obeyed."""
        code, words = self.ask(command)
        while code is Code.TOO_SOON:
            time.sleep(0.1)
            code, words = self.ask(command)
        assert code is Code.OK, words

    def follow(self) -> None:
        """Align with the leader and follow it."""
        self.do(protocol.Follow())
        self.until(Phase.READY)

    def until(self, *phases: Phase, seconds: float = 20) -> None:
        """Wait for one of the phases."""
        until(lambda: self.context.phase in phases or not self.running, seconds)
        assert self.context.phase in phases, self.reason

    def end(self) -> tuple[SessionStatus, str]:
        """How it ended, once it has."""
        self._thread.join(15)
        assert not self.running
        return self.status, self.reason

    def terminate(self) -> tuple[SessionStatus, str]:
        """As SIGTERM does."""
        self.workers.mailbox.request_end()
        return self.end()

    def events(self, kind: type[ev.Event]) -> list[Any]:
        """What was told so far."""
        return [e for e in read_events(self.workers.context.run.events) if isinstance(e, kind)]

    def alarms(self, source: AlarmSource) -> list[str]:
        """The texts of the alarms of this source."""
        return [e.text for e in self.events(ev.AlarmRaised) if e.source == source]

    @property
    def torque(self) -> bool:
        """What telemetry says of torque."""
        arm = self.context.arm
        return arm.has_torque and arm.motors.last.all_on


class PolicyThread:
    """What serves a policy, in the form of `inference.child.Child`: LeRobot is loaded here already."""

    pid = 0

    def __init__(self, order: child.Order, *, socket_fd: int, memory_fd: int) -> None:
        ends = {"socket_fd": os.dup(socket_fd), "memory_fd": os.dup(memory_fd)}
        self._thread = threading.Thread(target=policy_server.serve, args=(order,), kwargs=ends, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> int:
        """It ends with its connection."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise subprocess.TimeoutExpired("policy", timeout or 0.0)
        return 0

    def kill(self) -> None:
        """The connection is closed already."""


class EvalSession(ServoSession):
    """One evaluation."""

    def __init__(self, root: Path, bench: Profile, policy: Path, *, fps: int = 30, **options: Any) -> None:
        asked = {"checkpoint": str(policy), "dataset": "rollout_demo", "task": "pick", "trials": 9}
        self._begin(root, EvalRequest(data_dir=str(root), profile=bench, fps=fps, **asked | options))

    def _work(self) -> End:
        def run(context: Context, request: Any, *, load: Callable[[], Make], **options: Any) -> End:
            return self._run_armed(load, **options)

        assert isinstance(self.request, EvalRequest)
        with patch.object(evaluate, "run_armed", run), patch.object(child, "spawn", PolicyThread):
            return evaluate.body(self.workers.context, self.request)

    def start_trial(self, number: int) -> None:
        """Start it, and wait until the policy drives and some of its motion is recorded."""
        self.do(protocol.StartTrial(trial=number))
        self.until(Phase.RUNNING)
        takes = vars(self._strategy)["_takes"]
        until(lambda: takes.frames >= 5 or not takes.running)

    def judge(self, number: int, verdict: Verdict) -> None:
        """Give the verdict, and wait until the arm rests if it goes there."""
        self.do(protocol.JudgeTrial(trial=number, verdict=verdict))
        until(lambda: self.context.phase not in (Phase.RESTING, Phase.JUDGING, Phase.RUNNING))


class RecordSession(ServoSession):
    """One recording."""

    def __init__(self, root: Path, bench: Profile, *, fps: int = 30, **options: Any) -> None:
        asked = {"dataset": "demo", "task": "pick", "episodes": 9, "episode_seconds": 60.0, "reset_seconds": 0.0}
        self._begin(root, RecordRequest(data_dir=str(root), profile=bench, fps=fps, **asked | options))

    def _work(self) -> End:
        def run(context: Context, request: Any, *, load: Callable[[], Make], **options: Any) -> End:
            return self._run_armed(load, **options)

        assert isinstance(self.request, RecordRequest)
        with patch.object(record, "run_armed", run):
            return record.body(self.workers.context, self.request)

    def start_take(self) -> None:
        """Record the next take from now on; some frames of it are there."""
        number = self.snapshot.take + 1
        self.do(protocol.StartTake(take=number))
        takes = vars(self._strategy)["_recorder"].takes
        until(lambda: takes.running == number)  # once the one before is saved
        self.frames(5)

    def frames(self, more: int) -> None:
        """Wait until the running take has so many more."""
        takes = vars(self._strategy)["_recorder"].takes
        enough = takes.frames + more
        until(lambda: takes.frames >= enough or not takes.running, 20)

    def end_take(self) -> Episode:
        """End it; the episode that it became."""
        self.do(protocol.EndTake(take=self.snapshot.take))
        return self.episode()

    def episode(self) -> Episode:
        """What the newest take became."""
        number = self.snapshot.take
        until(lambda: bool(self._episodes(number)) or any(lost.take == number for lost in self.snapshot.lost))
        assert self._episodes(number), self.snapshot.lost
        return self._episodes(number)[-1]

    def _episodes(self, take: int) -> list[Episode]:
        return [episode for episode in self.snapshot.episodes if episode.take == take]


_begun: list[ServoSession] = []


def end_sessions() -> None:
    """End those that a test left: they hold their ports' names, which the next test's ports get."""
    while _begun:
        session = _begun.pop()
        if session.running:
            session.terminate()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it is so."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.005)

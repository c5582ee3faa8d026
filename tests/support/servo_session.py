"""Sessions with an arm on emulated servos: the worker's body on a thread, LeRobot's real drivers below it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.bench.profiles import Profile
from services.live import events as ev
from services.live import protocol
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.live.requests import BenchRequest, Purpose
from services.sim.servos.emulator import JOINTS, Emulator
from services.workers.arm.bench_strategy import BenchStrategy
from services.workers.arm.context import ArmContext
from services.workers.arm.run_arm import run_armed
from services.workers.process.replies import Received
from services.workers.process.run_worker import CannotStart
from sessions.bench import Motion
from sessions.models import SessionStatus
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

    def __init__(self, root: Path, bench: Profile, purpose: Purpose = Purpose.TELEOPERATE, *, fps: int = 30) -> None:
        self.workers = Workers(root)
        self.status, self.reason = SessionStatus.RUNNING, ""
        self._request = BenchRequest(data_dir=str(root), profile=bench, purpose=purpose, fps=fps)
        self._purpose = purpose
        self._strategy: BenchStrategy | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        def load() -> Any:
            return lambda context, devices: self._make()

        arm_only = self._purpose is not Purpose.TELEOPERATE
        try:
            self.status, self.reason = run_armed(self.workers.context, self._request, load=load, arm_only=arm_only)
        except CannotStart as error:
            self.status, self.reason = SessionStatus.ABORTED, str(error)
        except Exception as error:
            self.status, self.reason = SessionStatus.CRASHED, repr(error)
        finally:
            self.workers.close()

    def _make(self) -> BenchStrategy:
        strategy = BenchStrategy(self._purpose)
        if self._purpose is Purpose.TELEOPERATE:
            strategy._first = None  # follow by command
        self._strategy = strategy
        return strategy

    @property
    def context(self) -> ArmContext:
        """The session's arm, once it is there."""
        until(lambda: hasattr(self._strategy, "_context"), 10)
        assert self._strategy is not None
        return self._strategy._context

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def ready(self) -> ServoSession:
        """Connected, and holding or limp."""
        until(lambda: not self.running or self.workers.mailbox.open, 10)
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


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it is so."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.005)

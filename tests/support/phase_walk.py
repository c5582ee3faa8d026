"""Every (kind, phase, history) that a session can be in, as its events tell it and as a real session is in it."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from services.bench.profiles import Profile, load_benches
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog
from services.live.phases import FOLLOWING, Phase
from services.live.requests import EvalRequest, Purpose, RecordRequest, TrainRequest
from services.live.snapshots import Snapshot, replay
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.preflight import Check, Level
from sessions.resets import Reset
from tests.support.facts import started

ARM = {Phase.STARTING, Phase.IDLE, Phase.HELD, Phase.RESTING, Phase.RESTED, Phase.RELEASING, Phase.RELEASED, Phase.LIMP}
PHASES = {
    SessionKind.BENCH: ARM | {Phase.ALIGNING, Phase.READY, Phase.ENDED},
    SessionKind.RECORD: ARM | FOLLOWING | {Phase.ALIGNING, Phase.ENDED},
    SessionKind.EVAL: ARM | {Phase.ALIGNING, Phase.RUNNING, Phase.JUDGING, Phase.RESET, Phase.DONE, Phase.ENDED},
    SessionKind.TRAIN: {Phase.STARTING, Phase.TRAINING, Phase.SAVING, Phase.ENDED},
}
"""Phases that a session of this kind can be in."""
COMMANDS: tuple[protocol.Command, ...] = (
    protocol.Stop(),
    protocol.Follow(),
    protocol.StartTake(take=0),
    protocol.EndTake(take=0),
    protocol.MarkMoment(take=0),
    protocol.MarkTake(take=0, accepted=False),
    protocol.EndReset(),
    protocol.StartTrial(trial=0),
    protocol.MakePreflight(),
    protocol.ConfirmPreflight(preflight=1),
    protocol.Unblind(by="a", reason="a look"),
    protocol.EndTrial(trial=0),
    protocol.JudgeTrial(trial=0, verdict=Verdict.SUCCESS),
    protocol.UndoVerdict(trial=0),
    protocol.AnnotateTrial(trial=0, failure_mode="drops it"),
    protocol.AssistTrial(trial=0),
    protocol.ReachStage(trial=0, stages=1),
    protocol.GoToRest(),
    protocol.Release(confirmed=True),
    protocol.Finish(),
    protocol.AddNote(text="a note"),
    protocol.SetTag(tag="a-tag"),
)
"""Every command that is for the session itself; what the socket's server answers alone is in SERVED."""
SERVED = (protocol.Attach, protocol.TakeOver, protocol.Heartbeat, protocol.SetPreviews)

TAKES = {"none": (), "running": (1,), "saving": (1,), "saved": (1,), "lost": (1,)}
TRIALS = ("none", "unfit", "running", "pending", "success", "failure", "void")
"""`unfit`: no trial yet, and the preflight is bad."""
UNFIT = ev.PreflightMade(preflight=1, checks=(Check(name="rate", level=Level.BAD, found="15 Hz", mends="30 Hz"),))
FITS = {Phase.RUNNING: {"running"}, Phase.JUDGING: {"pending"}, Phase.RECORDING: {"running"}, Phase.STARTING: {"none"}}
"""Histories that a phase comes with; `running` comes with none but these."""
LED = {
    **dict.fromkeys((Phase.IDLE, Phase.HELD, Phase.RESET, Phase.DONE), ("pending", "success")),
    Phase.RUNNING: ("running",), Phase.JUDGING: ("pending",), Phase.RELEASED: ("void",), Phase.ALIGNING: ("failure",),
}  # fmt: skip
"""Histories with which an evaluation that its leader resets is looked at, besides those of any."""


@cache
def _sim() -> Profile:
    return load_benches(built_in=True).pick("sim")


@dataclass(frozen=True)
class Case:
    """One situation; `history` is that of the newest take or trial."""

    kind: SessionKind
    phase: Phase
    history: str = "none"
    rests: bool = True
    ending: bool = False
    purpose: Purpose = Purpose.TELEOPERATE
    reset: Reset = Reset.RETURN

    @cached_property
    def profile(self) -> Profile:
        """The simulated bench, with a rest pose or without."""
        profile = _sim()
        if self.rests:
            return profile
        motion = msgspec.structs.replace(profile.motion, rest={}, waypoints=())
        return msgspec.structs.replace(profile, motion=motion)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What consoles know of it."""
        about: dict[str, Any] = {} if self.kind is SessionKind.TRAIN else {"profile": self.profile}
        about |= {"purpose": self.purpose} if self.kind is SessionKind.BENCH else {}
        about |= {"reset": self.reset} if self.kind is SessionKind.EVAL else {}
        began = started("s", kind=self.kind, **about)
        now: ev.Event = ev.PhaseChanged(phase=self.phase.value, detail="ending the session" if self.ending else "")
        if self.phase is Phase.ENDED:
            now = ev.SessionEnded(status=SessionStatus.FINISHED)
        return replay([began, *self._events(), now])

    def _events(self) -> Iterator[ev.Event]:
        if self.history == "unfit":
            yield UNFIT
        if self.history in ("none", "unfit"):
            return
        yield ev.TakeStarted(take=1)
        if self.history == "running":
            return
        yield ev.TakeEnded(take=1, frames=9, reason="key")
        match self.history:
            case "saved":
                yield ev.EpisodeSaved(take=1, index=0, frames=9, seconds=0.3, accepted=True, save_ms=1.0)
            case "lost":
                yield ev.TakeLost(take=1, reason="a full disk")
            case "success" | "failure" | "void":
                yield ev.TrialJudged(trial=1, verdict=Verdict(self.history))


def cases() -> Iterator[Case]:
    """All of them that can be."""
    for kind, phases in PHASES.items():
        histories = {SessionKind.RECORD: tuple(TAKES), SessionKind.EVAL: TRIALS}.get(kind, ("none",))
        arm = kind is not SessionKind.TRAIN
        purposes = tuple(Purpose) if kind is SessionKind.BENCH else (Purpose.TELEOPERATE,)
        for phase, history, rests, ending, purpose in itertools.product(
            sorted(phases), histories, (True, False) if arm else (True,), (False, True) if arm else (False,), purposes
        ):
            if history not in FITS.get(phase, set(histories) - {"running"}):
                continue
            if kind is SessionKind.EVAL and phase is Phase.ALIGNING and history in ("pending", "unfit"):
                continue  # no trial begins before the verdict on the last, nor while the preflight is bad
            if ending and phase in (Phase.STARTING, Phase.ENDED, Phase.RUNNING, Phase.RECORDING, *FOLLOWING):
                continue  # the end holds the arm first
            if phase is not Phase.RESET or kind is not SessionKind.EVAL:
                yield Case(kind, phase, history, rests, ending, purpose)
            if kind is SessionKind.EVAL and history in LED.get(phase, ()):  # the leader resets
                yield Case(kind, phase, history, rests, ending, purpose, Reset.LEADER)


def naming(command: protocol.Command, snapshot: Snapshot) -> protocol.Command:
    """The command with the take or trial that a console would name."""
    last = snapshot.trials[-1].index if snapshot.trials else 0
    match command:
        case protocol.StartTake():
            return msgspec.structs.replace(command, take=snapshot.take + 1)
        case protocol.EndTake() | protocol.MarkTake() | protocol.MarkMoment():
            return msgspec.structs.replace(command, take=max(1, snapshot.take))
        case protocol.StartTrial():
            return msgspec.structs.replace(command, trial=last + 1)
        case (
            protocol.EndTrial() | protocol.JudgeTrial() | protocol.UndoVerdict() | protocol.AnnotateTrial()
            | protocol.AssistTrial() | protocol.ReachStage()
        ):  # fmt: skip
            return msgspec.structs.replace(command, trial=last)
    return command


# --- the worker's side ------------------------------------------------------------------------------

REST = {"shoulder_pan": 0.0, "shoulder_lift": -90.0, "gripper": 5.0}


class Bus:
    """Motors that are where they are told to be."""

    def __init__(self) -> None:
        self.pose = dict(REST)
        self.torque = True

    def sync_read(self, what: str) -> dict[str, float]:
        return dict.fromkeys(self.pose, float(self.torque)) if what == "Torque_Enable" else dict(self.pose)

    def disable_torque(self) -> None:
        self.torque = False

    def enable_torque(self) -> None:
        self.torque = True


class FakeRobot:
    """A follower or leader of three motors."""

    name = "fake"

    def __init__(self) -> None:
        self.bus = Bus()
        self.cameras: dict[str, Any] = {}
        self.action_features = {f"{name}.pos": float for name in REST}

    def get_observation(self) -> dict[str, float]:
        return {f"{name}.pos": value for name, value in self.bus.pose.items()}

    def get_action(self) -> dict[str, float]:
        return self.get_observation()

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        self.bus.pose = {name.removesuffix(".pos"): value for name, value in action.items()}
        return action


def _save_slowly(takes: Any) -> None:
    """Take 1 is being saved until the saver has something else to do, and for two seconds at most."""
    from services.workers.recording.takes import EndedTake

    give_up = time.monotonic() + 2
    while takes._jobs.empty() and time.monotonic() < give_up:
        time.sleep(0.02)
    takes._save(EndedTake(take=1, frames=9, flags=(), at=time.perf_counter(), retried={}, grasp=None))


class FakeDataset:
    """Takes every frame and saves it nowhere."""

    def __init__(self, root: Path) -> None:
        self.root, self.saved = root, 0
        root.mkdir(exist_ok=True)
        self.trouble: str | None = None
        self.dropped: dict[str, int] = {}

    def save(self, **_: Any) -> Any:
        self.saved += 1
        return SimpleNamespace(index=self.saved - 1, frames=9, flags=(), light={})

    def discard(self) -> None:
        pass

    def renew_claim(self) -> str:
        return ""

    def encoder_queue(self) -> tuple[int, int]:
        return 0, 1

    def close(self) -> None:
        pass


class Workers:
    """Makes sessions that are in a case, over one journal, socket server and mailbox that are real."""

    def __init__(self, root: Path) -> None:
        from services.workers.process.connection import Connection
        from services.workers.process.context import Context
        from services.workers.process.journal import Journal
        from services.workers.process.mailbox import Mailbox
        from services.workers.process.server import Server

        self.folder = DataFolder(root).create()
        run = RunFolder(self.folder.runs / "20260101-000000-walk")
        run.root.mkdir(parents=True)
        self.mailbox = Mailbox()
        server = Server(run, receive=self.mailbox.receive, driver_lost=self.mailbox.lose_driver)
        server._driver = Connection(1, None)  # type: ignore[arg-type]
        self.journal = Journal(EventLog(run), lambda _: None)
        self.context = Context(run, self.journal, server, self.mailbox)
        self._savers: list[Any] = []

    def close(self) -> None:
        """Write what is left."""
        for takes in self._savers:
            takes.close()
        self.journal.close()

    def answer(self, case: Case, command: protocol.Command) -> protocol.Answer | None:
        """What a worker in this case answers; None where nobody is there any more."""
        from services.workers.process.replies import Received

        answers: queue.Queue[protocol.Answer] = queue.Queue()

        def answered(code: protocol.Code, words: str) -> None:
            answers.put(protocol.Answer(id=1, ok=code is protocol.Code.OK, error=words, code=code))

        received = Received(command, answered)
        self.mailbox.open = case.phase not in (Phase.STARTING, Phase.ENDED) or case.kind is SessionKind.TRAIN
        if case.phase is Phase.ENDED:
            self.mailbox.open = False
            self.mailbox.receive(received)
            self.mailbox.drain()
            return answers.get_nowait() if not answers.empty() else None
        self.mailbox.receive(received)
        waiting = self.mailbox.drain()
        if waiting:
            if case.kind is SessionKind.TRAIN:
                self.supervisor()._handle(waiting[0])
            else:
                loop = self.loop(case)
                loop.commands.handle(waiting[0])
                loop.close()
        return answers.get(timeout=10)

    def supervisor(self) -> Any:
        """Of a training before its first step."""
        from services.workers.training.supervisor import Supervisor

        request = TrainRequest(data_dir=str(self.folder.root), dataset="d", policy="act", name="n", steps=10)
        trainer: Any = SimpleNamespace(poll=lambda: None, kill=lambda: None, wait=lambda: 0)
        return Supervisor(self.context, request, SimpleNamespace(), trainer, SimpleNamespace())  # type: ignore[arg-type]

    def loop(self, case: Case) -> Any:
        """A control loop in that phase, with that behind it."""
        from services.workers.arm.control_loop import ControlLoop

        make = {SessionKind.BENCH: self._bench, SessionKind.RECORD: self._record, SessionKind.EVAL: self._evaluation}
        strategy, devices = make[case.kind](case)
        loop = ControlLoop(self.context, devices, self._profile(case), strategy, fps=30, lockstep=False)
        strategy.setup(loop.context)
        loop.context.phase, loop.context.pose = case.phase, dict(REST)
        loop.context.since -= 60.0  # long ago: no key bounces
        if case.ending:
            loop.context.ending = SessionStatus.FINISHED
        return loop

    def _devices(self, *, leader: bool) -> Any:
        from services.workers.arm.devices import Devices

        return Devices(FakeRobot(), FakeRobot() if leader else None)  # type: ignore[arg-type]

    def _profile(self, case: Case) -> Profile:
        profile = case.profile
        rest = dict(REST) if case.rests else {}
        motion = msgspec.structs.replace(profile.motion, rest=rest, waypoints=(), lift={})
        return msgspec.structs.replace(profile, motion=motion)

    def _bench(self, case: Case) -> tuple[Any, Any]:
        from services.workers.arm.bench_strategy import BenchStrategy

        return BenchStrategy(case.purpose), self._devices(leader=case.purpose is Purpose.TELEOPERATE)

    def _takes(self, case: Case) -> Any:
        from services.workers.recording.takes import Takes

        root = self.folder.datasets / "walk"
        dataset: Any = FakeDataset(root)
        takes = Takes(dataset, self.journal, features={}, task="t", session="s", fps=30)
        self._savers.append(takes)
        match case.history:
            case "running":
                takes.running, takes.frames = 1, 9
            case "saving":
                takes.saving = 1
                takes._jobs.put(lambda: _save_slowly(takes))
            case "saved" | "success" | "failure" | "void" | "pending":
                takes._saved[1] = 0
        return takes

    def _record(self, case: Case) -> tuple[Any, Any]:
        from services.workers.recording.strategy import RecordStrategy

        data_dir = str(self.folder.root)
        request = RecordRequest(data_dir=data_dir, profile=self._profile(case), dataset="walk", task="t", episodes=9)
        strategy = RecordStrategy(request, lambda: self._takes(case))
        strategy._last_take = case.snapshot.take
        return strategy, self._devices(leader=True)

    def _evaluation(self, case: Case) -> tuple[Any, Any]:
        from services.workers.evaluation.lineup import Entrant, Lineup
        from services.workers.evaluation.strategy import EvaluateStrategy

        request = EvalRequest(
            data_dir=str(self.folder.root), profile=self._profile(case), checkpoint="c", task="t", dataset="rollout_w",
            reset=case.reset,
        )  # fmt: skip
        source: Any = SimpleNamespace(
            policy=SimpleNamespace(ready=object()), ensure_running=lambda: None, queue=SimpleNamespace(starved=0)
        )
        loaded = ev.PolicyLoaded(checkpoint="c", policy="act", device="cpu", parameters=1)
        lineup = Lineup([Entrant("c", source, loaded)])
        strategy = EvaluateStrategy(request, takes=self._takes(case), lineup=lineup)
        if case.history == "unfit":
            strategy._preflight.made = UNFIT
        elif case.history != "none":
            strategy.trials.started = 1
        if case.history == "running":
            strategy.trials.running = 1
        if case.history in ("success", "failure", "void"):
            strategy.trials.verdicts[1] = Verdict(case.history)
        return strategy, self._devices(leader=case.reset is Reset.LEADER)

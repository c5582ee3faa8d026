"""A scripted worker: speaks services/wire on the run's socket and writes events.jsonl; no arm, no LeRobot."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from services.bench.profiles import Profile, load_benches
from services.folders import DataFolder, RunFolder, new_session_id
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog
from services.live.phases import Phase
from services.live.snapshots import Snapshot, advance
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support import facts
from tests.support.facts import CHECKPOINT

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
NOON = 1_770_000_000.0
"""The fixed clock: 2026-02-02 02:40 UTC."""


def sim_profile() -> Profile:
    return load_benches(built_in=True).pick("sim")


def picture(width: int, height: int, shift: int = 0) -> bytes:
    """A ramp with a moving block, so that pictures change a little from frame to frame."""
    rows = bytearray()
    for y in range(height):
        for x in range(width):
            block = abs(x - (shift % width)) < 4 and abs(y - height // 2) < 4
            rows += bytes((220, 60, 50)) if block else bytes((40 + 2 * x % 160, 60 + 2 * y % 140, 90))
    return bytes(rows)


WATCHER = "another console drives: a watcher may not ask for this"
OPEN_TO_ALL = (
    protocol.Attach, protocol.TakeOver, protocol.SetPreviews, protocol.Stop, protocol.AddNote, protocol.SetTag,
)  # fmt: skip


class FakeWorker:
    """Does what it is told at once. `refuse[CommandType] = why` refuses; `heard` keeps every command."""

    def __init__(
        self, folder: DataFolder, *, kind: SessionKind = SessionKind.RECORD, profile: Profile | None = None,
        run: RunFolder | None = None, at: float = 0.0, **started: Any,
    ) -> None:  # fmt: skip
        self.run = run or folder.run(new_session_id())
        self.run.root.mkdir(parents=True, exist_ok=True)
        self.log = EventLog(self.run)
        self.snapshot = Snapshot()
        self.heard: list[protocol.Command] = []
        self.mute: set[type[protocol.Command]] = set()
        self.refuse: dict[type[protocol.Command], str] = {}
        self.code = protocol.Code.UNSPECIFIED
        self.slow: dict[type[protocol.Command], float] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.reached_at = 2
        self._clients: list[tuple[asyncio.StreamWriter, str]] = []
        self._driver: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._at = at
        self._shift = 0
        self._condition = started.get("condition", "")
        profile = profile or sim_profile()
        asked: dict[str, Any] = {
            "operator": "tg", "task": "Pick up the cube", "dataset": "pick_place",
            "episodes": 2, "episode_seconds": 15.0, "reset_seconds": 5.0,
        }  # fmt: skip
        if kind is SessionKind.EVAL:
            asked = {
                "operator": "tg", "task": "Pick up the cube", "dataset": "rollout_act_v2", "checkpoint": CHECKPOINT,
                "trials": 3, "trial_seconds": 10.0,
            }  # fmt: skip
        elif kind is not SessionKind.RECORD:
            asked = {"operator": "tg"}
        if kind is not SessionKind.TRAIN:
            asked |= {"profile": profile}
        self._started = facts.started(self.run.id, kind=kind, pid=os.getpid(), host="lab1", **(asked | started))

    # --- the script -----------------------------------------------------------------------------

    async def start(self, *, open_dataset: bool = True) -> FakeWorker:
        """Open the socket and tell that the session started; the arm holds."""
        self._server = await asyncio.start_unix_server(
            self._serve, path=str(self.run.socket), limit=protocol.LINE_LIMIT
        )
        self.tell(self._started)
        self.phase(Phase.STARTING, "loading LeRobot")
        if open_dataset:
            self.tell(ev.DatasetOpened(episodes=0, accepted=0, resumed=False))
            if self._started.kind is SessionKind.EVAL:
                self.load_policy()
            self.phase(Phase.IDLE, "holding")
        return self

    def tell(self, event: ev.Event) -> None:
        """A durable event, to the file and to everybody."""
        if self._at and not event.at:
            event = msgspec.structs.replace(event, at=self._at)
        numbered = self.log.append(event, sync=False)
        self.snapshot = advance(self.snapshot, numbered)
        self._broadcast(protocol.encode(numbered))

    def phase(self, phase: Phase, detail: str = "") -> None:
        self.tell(ev.PhaseChanged(phase=phase.value, detail=detail))

    def alarm_camera(self, camera: str = "overhead", state: str = "black") -> None:
        self.tell(
            ev.CameraAlarmed(
                camera=camera,
                state=state,
                since=self._at or time.time(),
                take=self.snapshot.take or len(self.snapshot.trials),
            )
        )

    def take(self, *, accepted: bool = True, flags: tuple[str, ...] = ()) -> int:
        """A whole take, from start to saved."""
        number = self.snapshot.take + 1
        self.phase(Phase.RECORDING, f"take {number}")
        self.tell(ev.TakeStarted(take=number))
        self.tell(ev.TakeEnded(take=number, frames=450, reason="time"))
        self.phase(Phase.RESET)
        self.save(number, accepted=accepted, flags=flags)
        return number

    def save(self, take: int, *, accepted: bool = True, flags: tuple[str, ...] = ()) -> None:
        self.tell(
            ev.EpisodeSaved(
                take=take, index=len(self.snapshot.episodes), frames=450, seconds=15.0, accepted=accepted,
                save_ms=150, flags=flags,
            )
        )  # fmt: skip
        records = self._started.kind is SessionKind.RECORD
        if records and self.snapshot.accepted >= self._started.target:
            self.phase(Phase.DONE)

    # --- an evaluation ------------------------------------------------------------------------------

    def load_policy(self, **values: Any) -> None:
        facts: dict[str, Any] = {
            "checkpoint": CHECKPOINT, "policy": "act", "device": "cpu", "parameters": 51_600_000, "cameras": ("wrist",),
            "actions_per_inference": 100, "notes": ("the policy does not use overhead",),
        }  # fmt: skip
        self.tell(ev.PolicyLoaded(**(facts | values)))

    def trial(self, verdict: Verdict | None = None, *, failure_mode: str = "", reason: str = "time") -> int:
        """A whole trial, from its start to its verdict and the arm at rest; without a verdict it waits for one."""
        number = len(self.snapshot.trials) + 1
        self.begin_trial(number)
        self.end_trial(number, reason)
        self.save(number)
        if verdict is None:
            self.phase(Phase.JUDGING, "the time is over")
            return number
        self.tell(ev.TrialJudged(trial=number, verdict=verdict, judge="tg"))
        if failure_mode:
            self.tell(ev.TrialAnnotated(trial=number, failure_mode=failure_mode))
        self.come_to_rest()
        return number

    def begin_trial(self, number: int) -> None:
        self.phase(Phase.ALIGNING, "the arm moves to where it begins")
        self.tell(ev.TrialStarted(trial=number, checkpoint=CHECKPOINT, condition=self._condition))
        self.phase(Phase.RUNNING, f"trial {number}")

    def end_trial(self, number: int, reason: str, why: str = "") -> None:
        self.tell(ev.TrialEnded(trial=number, frames=186, reason=reason, why=why))

    def come_to_rest(self) -> None:
        self.phase(Phase.RESTING, "the arm goes to rest")
        self.phase(Phase.DONE if self.snapshot.reached else Phase.RESTED)

    def _obey_in_eval(self, command: protocol.Command) -> None:
        match command:
            case protocol.StartTrial():
                self.begin_trial(command.trial)
            case protocol.EndTrial():
                self.end_trial(command.trial, "key")
                self.phase(Phase.JUDGING, "it waits for its verdict")
            case protocol.JudgeTrial():
                moves = self.snapshot.phase in (Phase.RUNNING, Phase.JUDGING)
                if self.snapshot.phase is Phase.RUNNING:
                    self.end_trial(command.trial, "verdict")
                self.tell(ev.TrialJudged(trial=command.trial, verdict=command.verdict, judge=command.judge))
                if moves:
                    self.come_to_rest()
            case protocol.UndoVerdict():
                self.tell(ev.VerdictUndone(trial=command.trial))
                if self.snapshot.phase is Phase.DONE:
                    self.phase(Phase.RESTED)
            case protocol.AnnotateTrial():
                self.tell(ev.TrialAnnotated(trial=command.trial, failure_mode=command.failure_mode))

    def telemetry(self, **values: Any) -> protocol.Telemetry:
        """Send telemetry now; fields as given, the rest plausible."""
        self._shift += 1
        cameras = {
            name: protocol.CameraView(fps=29.9, brightness=b, width=w, height=h, rgb=picture(w, h, self._shift))
            if (w := self.sizes.get(name, (0, 0))[0]) and (h := self.sizes[name][1])
            else protocol.CameraView(fps=29.9, brightness=b)
            for name, b in (("overhead", 31.0), ("wrist", 98.0))
        }
        base: dict[str, Any] = {
            "at": self._at or time.time(),
            "joints": {f"{n}.pos": 10.0 * i - 20 for i, n in enumerate(JOINTS)},
            "leader": {f"{n}.pos": 10.0 * i - 20 + 0.3 * i for i, n in enumerate(JOINTS)},
            "loop_hz": 30.0, "loop_p99_ms": 33.5, "encoder_queue": 2, "encoder_capacity": 60,
            "disk_free": 212_000_000_000, "cameras": cameras,
        }  # fmt: skip
        sent = protocol.Telemetry(**(base | values))
        self._broadcast(protocol.encode(sent))
        return sent

    def end(self, status: SessionStatus = SessionStatus.FINISHED, reason: str = "finished by the operator") -> None:
        self.tell(ev.SessionEnded(status=status, reason=reason))
        self.log.close()

    async def stop(self) -> None:
        """Go away, as a killed worker does when nothing was told."""
        self.log.close()
        if self._server is not None:
            self._server.close()
        for writer, _ in self._clients:
            writer.close()
        with suppress(FileNotFoundError):
            self.run.socket.unlink()
        await asyncio.sleep(0)

    def heard_of[C: protocol.Command](self, kind: type[C]) -> list[C]:
        return [c for c in self.heard if isinstance(c, kind)]

    # --- the socket -----------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                command = protocol.decode_command(line)
                if isinstance(command, protocol.Heartbeat):
                    continue
                self.heard.append(command)
                if type(command) in self.mute:
                    continue
                await asyncio.sleep(self.slow.get(type(command), 0.0))
                why = self.refuse.get(type(command), "")
                if not why and self._watches(command, writer):
                    answer = protocol.Answer(id=command.id, ok=False, error=WATCHER, code=protocol.Code.NOT_DRIVING)
                    self._send(writer, protocol.encode(answer))
                    continue
                if not why:
                    self._obey(command, writer)
                self._send(writer, protocol.encode(self._answer(command.id, why)))

    def _watches(self, command: protocol.Command, writer: asyncio.StreamWriter) -> bool:
        """Whether this is a command that a worker takes only from who drives, and another one drives."""
        return self._driver not in (None, writer) and not isinstance(command, OPEN_TO_ALL)

    def _answer(self, number: int, why: str) -> protocol.Answer:
        return protocol.Answer(id=number, ok=not why, error=why, code=self.code if why else protocol.Code.UNSPECIFIED)

    def _obey(self, command: protocol.Command, writer: asyncio.StreamWriter) -> None:
        match command:
            case protocol.Attach():
                if not command.quiet:
                    self._clients.append((writer, command.name))
                    self.drive(self._driver or (writer if command.drive else None))
            case protocol.TakeOver():
                name = next((n for w, n in self._clients if w is writer), "")
                self._clients = [(w, command.name or name if w is writer else n) for w, n in self._clients]
                self.drive(writer)
            case protocol.SetPreviews():
                self.sizes = command.sizes
            case protocol.Stop() if self.snapshot.phase is Phase.STARTING:
                pass  # nothing moves yet: as a worker's mailbox answers
            case protocol.Stop():
                self.tell(ev.Held(cause=command.cause))
                self.phase(Phase.HELD, "stopped")
            case protocol.Follow():
                self.phase(Phase.ALIGNING)
                self.phase(Phase.READY, "following the leader")
            case protocol.StartTake():
                self.phase(Phase.RECORDING, f"take {command.take}")
                self.tell(ev.TakeStarted(take=command.take))
            case protocol.EndTake():
                self.tell(ev.TakeEnded(take=command.take, frames=120, reason="key"))
                self.phase(Phase.RESET)
            case _:
                self._obey_more(command)

    def _obey_more(self, command: protocol.Command) -> None:
        match command:
            case protocol.MarkTake():
                saved = [e for e in self.snapshot.episodes if e.take == command.take]
                if saved:
                    self.tell(ev.EpisodeMarked(index=saved[0].index, accepted=command.accepted))
                else:
                    self.tell(ev.TakeMarked(take=command.take, accepted=command.accepted))
            case protocol.MarkMoment():
                before = self.snapshot.moments.get(command.take, ())
                self.tell(ev.MomentMarked(take=command.take, frame=30 * (1 + len(before))))
            case protocol.GoToRest():
                self.phase(Phase.RESTING)
                self.phase(Phase.RESTED)
            case protocol.Release():
                self.phase(Phase.RELEASED)
            case protocol.Finish():
                self.end()
            case protocol.AddNote():
                self.tell(ev.NoteAdded(text=command.text, author=command.author))
            case _:
                self._obey_in_eval(command)

    def drive(self, who: asyncio.StreamWriter | str | None) -> None:
        """Give the wheel to a connection, or to somebody who is not here."""
        self._driver = who if isinstance(who, asyncio.StreamWriter) else None
        name = who if isinstance(who, str) else next((n for w, n in self._clients if w is who), None)
        for writer, you in self._clients:
            welcome = protocol.Welcome(
                session=self.run.id, you=you, driver=name, driving=writer is self._driver, pid=os.getpid()
            )
            self._send(writer, protocol.encode(welcome))

    def _broadcast(self, line: bytes) -> None:
        for writer, _ in self._clients:
            self._send(writer, line)

    def _send(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        if not writer.is_closing():
            writer.write(line)


def past_session(folder: DataFolder, session_id: str, **values: Any) -> RunFolder:
    """A session that ended, on disk."""
    run = folder.run(session_id)
    run.root.mkdir(parents=True)
    kind = values.pop("kind", SessionKind.RECORD)
    at = values.pop("at", time.time() - 600)
    more: tuple[ev.Event, ...] = values.pop("events", ())
    status, reason = values.pop("status", SessionStatus.FINISHED), values.pop("reason", "finished by tg")
    asked: dict[str, Any] = {"operator": "tg"}
    if kind is not SessionKind.BENCH:
        asked["dataset"] = "pick_place"
    if kind in (SessionKind.RECORD, SessionKind.EVAL):
        asked["task"] = "Pick up the cube"
    if kind is SessionKind.RECORD:
        asked["episodes"] = 3
    with EventLog(run) as log:
        begun = facts.started(session_id, kind=kind, host="lab1", at=at, **(asked | values))
        log.append(begun, sync=False)
        for take, (accepted, flags) in enumerate([(True, ()), (False, ()), (True, ("overhead black",))], 1):
            saved = ev.EpisodeSaved(
                take=take,
                index=take - 1,
                frames=450,
                seconds=15.0,
                accepted=accepted,
                save_ms=1,
                flags=flags,
                at=at + 30,
            )
            if kind is SessionKind.RECORD:
                log.append(saved, sync=False)
        for event in more:
            log.append(msgspec.structs.replace(event, at=event.at or at + 60), sync=False)
        log.append(ev.SessionEnded(status=status, reason=reason, at=at + 500), sync=False)
    return run


def no_scribe(_: DataFolder) -> None:
    """Tests start no process."""


def empty_folder(path: Path) -> DataFolder:
    return DataFolder(path).create()

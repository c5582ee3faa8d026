"""Facts of sessions with plausible values where a test gives none."""

from __future__ import annotations

from typing import Any

from services.live import events as ev
from sessions.bench import Profile
from sessions.document import Session, Training
from sessions.models import SessionKind, SessionStatus
from sessions.requests import AnyRequest, BenchRequest, EvalRequest, Purpose, RecordRequest, TrainRequest

BEGAN = 1_771_338_000.0  # 2026-02-17 14:20 UTC
CHECKPOINT = "/data/outputs/train/act_v2/checkpoints/020000/pretrained_model"

ASKED: dict[SessionKind, tuple[type[AnyRequest], dict[str, Any]]] = {
    SessionKind.RECORD: (RecordRequest, {"dataset": "cubes", "task": "", "episodes": 0}),
    SessionKind.BENCH: (BenchRequest, {"purpose": Purpose.TELEOPERATE}),
    SessionKind.EVAL: (
        EvalRequest,
        {"dataset": "rollout_act_v2", "task": "", "checkpoint": CHECKPOINT, "trials": 0},
    ),
    SessionKind.TRAIN: (TrainRequest, {"dataset": "cubes", "policy": "act", "name": "act_v1", "steps": 20_000}),
}
TARGET = {SessionKind.RECORD: "episodes", SessionKind.EVAL: "trials", SessionKind.TRAIN: "steps"}
TOLD = ("at", "seq", "pid", "host", "versions", "git_commit")
"""What a worker says of itself; all else was asked for."""


def request(kind: SessionKind = SessionKind.RECORD, *, bench: str = "sim", **asked: Any) -> AnyRequest:
    """A request of this kind; `bench` names the profile of one that moves an arm, `target` is what it is to reach."""
    make, plain = ASKED[kind]
    if "target" in asked:
        asked[TARGET[kind]] = asked.pop("target")
    if kind is not SessionKind.TRAIN:
        plain = {"profile": Profile(robot={}, name=bench), **plain}
    return make(**{"data_dir": "/data", **plain, **asked})


def started(session_id: str, *, kind: SessionKind = SessionKind.RECORD, **more: Any) -> ev.SessionStarted:
    """A worker began; `more` is what it tells of itself, and what it was asked."""
    told = {"pid": 1, "host": "robot"} | {name: more.pop(name) for name in TOLD if name in more}
    return ev.SessionStarted(id=session_id, request=request(kind, **more), **told)


def session(
    session_id: str,
    *,
    status: SessionStatus = SessionStatus.FINISHED,
    ended: float = BEGAN + 60,
    end_reason: str = "",
    **more: Any,
) -> Session:
    """A document; `more` are its own fields, and those of `started`."""
    trains = more.get("kind") is SessionKind.TRAIN  # whose policy was asked for
    own = {n: more.pop(n) for n in Session.__struct_fields__ if n in more and not (trains and n == "policy")}
    own.setdefault("started", started(session_id, at=more.pop("at", BEGAN), **more))
    if status is not SessionStatus.RUNNING:
        own["ended"] = ev.SessionEnded(status=status, reason=end_reason, at=ended)
    return Session(**own)


def training(*, done: int = 20_000, loss: float | None = None, checkpoints: Any = (), **more: Any) -> Training:
    """A training `done` of its steps; `more` are fields of TrainingStarted, and `metrics`, `samples`, `epochs`."""
    metrics = more.pop("metrics", {} if loss is None else {"loss": loss})
    progress = {name: more.pop(name) for name in ("samples", "epochs") if name in more}
    begun: dict[str, Any] = {
        "policy": "act", "output_dir": "/data/outputs/train/act_v2", "steps": 20_000, "batch_size": 8, "device": "",
        "parameters": 0, "episodes": (), "episodes_total": 0, "frames": 0,
    }  # fmt: skip
    return Training(
        started=ev.TrainingStarted(**(begun | more)),
        progress=ev.TrainingProgressed(step=done, metrics=metrics, **progress),
        checkpoints=checkpoints,
    )


def checkpoint_saved(step: int, at: float = BEGAN, **more: Any) -> ev.CheckpointSaved:
    """One of a training's checkpoints."""
    told = {"path": f"/c/{step:06}", "bytes": 1, "seconds": 1.0, "at": at, **more}
    return ev.CheckpointSaved(step=step, **told)

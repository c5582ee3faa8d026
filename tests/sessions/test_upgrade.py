"""What consoles wrote before requests stood whole in SessionStarted: read as today's facts, rewritten by nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.bench.profiles import load_benches
from services.live import events as ev
from services.live.event_log import parse
from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.models import SessionKind, SessionStatus
from sessions.requests import AnyRequest, BenchRequest, EvalRequest, Purpose, RecordRequest, TrainRequest
from sessions.store import SessionStore
from sessions.times import unix

ID = "20260217-142000-aaaa"
PROFILE = load_benches(built_in=True).pick("sim")
ASKED: list[AnyRequest] = [
    RecordRequest(
        data_dir="/lab", profile=PROFILE, dataset="cubes", task="pick", operator="anna", episodes=7,
        episode_seconds=9.5, reset_seconds=2.5, fps=25, resume=True, seed=4, lockstep=True, settings={"vcodec": "h264"},
    ),
    BenchRequest(data_dir="", profile=PROFILE, purpose=Purpose.REST, operator="anna", fps=25, rescue=True),
    TrainRequest(
        data_dir="/lab", dataset="cubes", policy="act", name="act_cubes", steps=4, batch_size=2, log_freq=1,
        save_freq=2, exclude_cameras=("overhead",), settings=("policy.dim_model=32",), operator="anna",
    ),
    EvalRequest(
        data_dir="/lab", profile=PROFILE, checkpoint="/c/000004/pretrained_model", task="pick", dataset="rollout_a",
        trained_in=ID, trials=3, trial_seconds=8.0, operator="anna", fps=25, judge="oracle", seed=4, lockstep=True,
    ),
]  # fmt: skip
"""Every field differs from its default. A bench session had no dataset, and with it no data folder."""


def flat(request: AnyRequest) -> dict[str, Any]:
    """SessionStarted as the worker of November 2026 told it (services/workers/process/run_worker.py then)."""
    told: dict[str, Any] = {
        "type": "SessionStarted", "seq": 1, "at": 1_771_338_000.5, "id": ID, "kind": request.kind.value, "pid": 77,
        "host": "robot", "bench": "", "operator": request.operator, "task": request.task, "dataset": request.dataset,
        "dataset_root": request.dataset_root, "target_episodes": 0, "episode_seconds": 0.0, "reset_seconds": 0.0,
        "checkpoint": "", "trained_in": "", "target_trials": 0, "trial_seconds": 0.0, "fps": 30, "simulated": False,
        "purpose": "", "profile": {}, "config": {}, "versions": {"lerobot": "0.6.1"}, "git_commit": "ab" * 20,
    }  # fmt: skip
    if request.profile is not None:
        told |= {"bench": "sim", "fps": request.fps, "simulated": True, "profile": msgspec.to_builtins(request.profile)}
    match request:
        case RecordRequest():
            told |= {"target_episodes": 7, "episode_seconds": 9.5, "reset_seconds": 2.5}
            told["config"] = {"resume": True, "seed": 4, "lockstep": True, "dataset": request.settings}
        case BenchRequest():
            told |= {"purpose": "rest", "config": {"rescue": True}}
        case EvalRequest():
            told |= {"checkpoint": request.checkpoint, "trained_in": ID, "target_trials": 3, "trial_seconds": 8.0}
            told["config"] = {"judge": "oracle", "seed": 4, "lockstep": True}
        case TrainRequest():
            names = ("policy", "name", "steps", "batch_size", "log_freq", "save_freq", "exclude_cameras", "settings")
            told["config"] = {name: getattr(request, name) for name in names}
    return json.loads(json.dumps(told))


def document(request: AnyRequest) -> dict[str, Any]:
    """The document of schema 1 that came of it."""
    told = flat(request)
    copied = (
        "id", "kind", "operator", "host", "bench", "task", "dataset", "dataset_root", "target_episodes", "checkpoint",
        "trained_in", "target_trials", "profile", "config", "versions", "git_commit",
    )  # fmt: skip
    return {key: told[key] for key in copied} | {
        "status": "finished", "started_utc": "2026-02-17T14:20:00Z", "ended_utc": "2026-02-17T14:25:00Z",
        "end_reason": "all trained", "episodes": [], "training": None, "trials": [], "alarms": ["wrist: black"],
        "notes": [{"text": "belt slipped", "author": "anna", "at_utc": "2026-02-17T14:21:00Z"}], "tags": ["night"],
        "last_seq": 9,
    }  # fmt: skip


@pytest.mark.parametrize("request_", ASKED, ids=lambda request: request.kind.value)
def test_an_older_start_is_read_with_its_whole_request(request_: AnyRequest) -> None:
    told = ev.decode(json.dumps(flat(request_)).encode())
    assert told == ev.SessionStarted(
        seq=1, at=1_771_338_000.5, id=ID, pid=77, host="robot", request=request_, versions={"lerobot": "0.6.1"},
        git_commit="ab" * 20,
    )  # fmt: skip
    assert ev.decode(ev.encode(told)) == told


def test_the_first_starts_knew_less_and_are_read_too() -> None:
    line = {"type": "SessionStarted", "id": ID, "kind": "eval", "pid": 1, "host": "robot", "bench": "so101"}
    told = ev.decode(json.dumps(line).encode())
    assert isinstance(told, ev.SessionStarted)
    assert (told.kind, told.bench, told.target, told.dataset_root) == (SessionKind.EVAL, "so101", 10, "")


@pytest.mark.parametrize("request_", ASKED, ids=lambda request: request.kind.value)
def test_a_newer_start_with_unknown_keys_is_read(request_: AnyRequest) -> None:
    told = ev.SessionStarted(id=ID, pid=1, host="robot", request=request_)
    newer = json.loads(ev.encode(told)) | {"moon": 3}
    newer["request"] |= {"moon": "full"}
    if "profile" in newer["request"]:
        newer["request"]["profile"] |= {"moon": {}}
        newer["request"]["profile"]["motion"] |= {"max_joint_speed": -1.0, "moon": 1}  # kept, never obeyed
    read = ev.decode(json.dumps(newer).encode())
    assert isinstance(read, ev.SessionStarted) and read.dataset == told.dataset
    assert ev.decode(ev.encode(read)) == read


@pytest.mark.parametrize("request_", ASKED, ids=lambda request: request.kind.value)
def test_an_older_document_is_read_whole_though_its_run_is_gone(tmp_path: Path, request_: AnyRequest) -> None:
    path = older(tmp_path, document(request_))
    before = path.read_bytes()
    with SessionStore(path) as store:
        (session,) = store.all()
    asked = (
        request_
        if not isinstance(request_, BenchRequest)
        else msgspec.structs.replace(request_, purpose=Purpose.UNKNOWN)
    )
    if isinstance(asked, RecordRequest | EvalRequest):  # what the documents of then never held
        seconds = "trial_seconds" if isinstance(asked, EvalRequest) else "episode_seconds"
        lost = {seconds: 15.0, "fps": 30} | ({} if isinstance(asked, EvalRequest) else {"reset_seconds": 5.0})
        asked = msgspec.structs.replace(asked, **lost)
    elif isinstance(asked, BenchRequest):
        asked = msgspec.structs.replace(asked, fps=30)
    assert session.request == asked
    assert (session.id, session.status, session.end_reason) == (ID, SessionStatus.FINISHED, "all trained")
    assert (session.started_utc, session.ended_utc) == ("2026-02-17T14:20:00Z", "2026-02-17T14:25:00Z")
    assert (session.host, session.started.versions, session.started.git_commit) == (
        "robot", {"lerobot": "0.6.1"}, "ab" * 20,
    )  # fmt: skip
    assert (session.alarms, session.tags, session.notes[0].text) == (("wrist: black",), ("night",), "belt slipped")
    assert path.read_bytes() == before, "reading rewrites nothing"


def test_an_odd_profile_of_one_session_does_not_cost_the_whole_log(tmp_path: Path) -> None:
    odd = document(ASKED[0]) | {"profile": {"robot": {"type": "so101_follower"}, "motion": "slow", "name": "so101"}}
    path = older(tmp_path, odd, document(ASKED[3]) | {"id": f"{ID}-2"})
    with SessionStore(path) as store:
        kept = {s.id: s for s in store.all()}
    assert len(kept) == 2
    assert kept[ID].request.profile == Profile(robot={"type": "so101_follower"}, name="so101")


def test_an_older_training_keeps_its_numbers(tmp_path: Path) -> None:
    training = {
        "policy": "act", "output_dir": "/lab/outputs/train/act_cubes", "steps": 3, "total_steps": 4, "final_loss": 0.5,
        "checkpoints": [
            {"step": 2, "path": "/c/2", "bytes": 9, "seconds": 0.5, "at_utc": "2026-02-17T14:22:00Z", "loss": 0.6}
        ],
        "metrics": {"loss": 0.5, "lr": 1e-5}, "batch_size": 2, "epochs": 1.5, "samples": 6, "episodes": [0, 2],
        "episodes_total": 3, "frames": 24, "cameras": ["wrist"], "excluded_cameras": ["overhead"], "device": "cpu",
        "parameters": 7,
    }  # fmt: skip
    path = older(tmp_path, document(ASKED[2]) | {"training": training})
    with SessionStore(path) as store:
        kept = store.all()[0].training
    assert kept is not None
    assert (kept.step, kept.started.steps, kept.loss, kept.metrics["lr"]) == (3, 4, 0.5, 1e-5)
    assert (kept.samples, kept.epochs, kept.started.batch_size, kept.started.parameters) == (6, 1.5, 2, 7)
    assert (kept.started.episodes, kept.started.episodes_total, kept.started.frames) == ((0, 2), 3, 24)
    assert (kept.started.cameras, kept.started.excluded_cameras) == (("wrist",), ("overhead",))
    saved = CheckpointSaved(at=unix("2026-02-17T14:22:00Z"), step=2, path="/c/2", bytes=9, seconds=0.5, loss=0.6)
    assert kept.checkpoints == (saved,)


def test_a_session_that_ran_when_it_was_stored_has_no_end(tmp_path: Path) -> None:
    path = older(tmp_path, document(ASKED[0]) | {"status": "running", "ended_utc": None, "end_reason": ""})
    with SessionStore(path) as store:
        (session,) = store.all()
    assert (session.status, session.ended, session.ended_utc) == (SessionStatus.RUNNING, None, None)


def test_a_change_writes_all_of_an_older_file_in_todays_form(tmp_path: Path) -> None:
    path = older(tmp_path, document(ASKED[0]), document(ASKED[3]) | {"id": f"{ID}-2"})
    with SessionStore(path) as store:
        before = store.all()
        store.update(ID, lambda s: msgspec.structs.replace(s, tags=("kept",)))
    assert json.loads(path.read_bytes())["schema"] == {"1": {"version": 2}}
    with SessionStore(path) as store:
        assert {s.id: s for s in store.all()} == {
            s.id: msgspec.structs.replace(s, tags=("kept",)) if s.id == ID else s for s in before
        }


def older(folder: Path, *documents: dict[str, Any]) -> Path:
    path = folder / "sessions.json"
    tables = {"schema": {"1": {"version": 1}}, "sessions": {d["id"]: d for d in documents}, "folded": {}}
    path.write_text(json.dumps(tables))
    return path


def test_a_newer_document_with_unknown_keys_is_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    with SessionStore(path) as store:
        for name in (ID, f"{ID}-2"):
            store.put(Session(started=ev.SessionStarted(id=name, pid=1, host="robot", request=ASKED[0])))
    tables = json.loads(path.read_bytes())
    tables["sessions"][ID]["moon"] = tables["sessions"][ID]["started"]["moon"] = "full"
    path.write_text(json.dumps(tables))
    with SessionStore(path) as store:
        assert len(store.all()) == 2
        store.update(f"{ID}-2", lambda s: msgspec.structs.replace(s, tags=("kept",)))
    assert json.loads(path.read_bytes())["sessions"][ID]["started"]["moon"] == "full"


@pytest.mark.parametrize("odd", [{"dataset": "cubes", "dataset_root": 0}, {"config": [1]}, {"profile": 3}])
def test_a_first_start_with_values_that_nobody_wrote_is_a_damaged_line(odd: dict[str, Any]) -> None:
    line = {"type": "SessionStarted", "id": ID, "kind": "eval", "pid": 1, "host": "robot", "bench": "so101", **odd}
    assert list(parse(json.dumps(line).encode() + b"\n")) == []

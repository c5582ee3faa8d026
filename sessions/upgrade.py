"""What older consoles wrote, in today's form: plain values in, plain values out, nothing lost.

Until the requests stood whole in SessionStarted (schema 1 of sessions.json, 2026), a session's facts were copied out of
them, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sessions.bench import Profile
from sessions.times import unix

Plain = dict[str, Any]


def is_flat(started: Mapping[str, Any]) -> bool:
    """Whether a SessionStarted event is of the older form."""
    return "request" not in started


def started(flat: Mapping[str, Any]) -> Plain:
    """A SessionStarted event of the older form, with its request."""
    same = ("type", "seq", "at", "id", "pid", "host", "versions", "git_commit")
    kept = {key: flat[key] for key in same if key in flat}
    return {"pid": 0, "host": "", **kept, "request": request(flat)}


def request(flat: Mapping[str, Any]) -> Plain:
    """The request that the flat fields of an event or a document tell."""
    kind, config = str(flat.get("kind")), flat.get("config") or {}
    asked: Plain = {"type": kind, "data_dir": _data_dir(flat.get("dataset_root", ""), flat.get("dataset", ""))}
    asked |= UNASKED.get(kind, {})
    asked |= {name: flat[name] for name in FIELDS if flat.get(name) not in (None, "")}
    asked |= {CONFIGS.get(old, old): value for old, value in config.items()}
    if kind != "train":
        asked["profile"] = _profile({"robot": {}, "name": flat.get("bench", ""), **(flat.get("profile") or {})})
    target = TARGETS.get(kind, "")
    return asked | ({target: flat[f"target_{target}"]} if f"target_{target}" in flat else {})


def _profile(plain: Plain) -> Plain:
    """A profile was free-form once: of one that has no profile's form, LeRobot's own dictionaries."""
    try:
        msgspec.convert(plain, Profile)
    except msgspec.ValidationError:
        free = {part: plain[part] for part in ("robot", "teleop", "sim") if isinstance(plain.get(part), dict)}
        return {"robot": {}, **free, "name": str(plain["name"])}
    return plain


FIELDS = (
    "operator", "dataset", "task", "checkpoint", "trained_in", "fps", "purpose", "episode_seconds", "reset_seconds",
    "trial_seconds",
)  # fmt: skip
"""Fields of a request that were copied under their names; a request has no use for those of other kinds."""
CONFIGS = {"dataset": "settings"}
"""What stood in `config` under another name."""
TARGETS = {"record": "episodes", "eval": "trials"}
UNASKED: dict[str, Plain] = {
    "record": {"dataset": "", "task": ""},
    "bench": {"purpose": ""},
    "train": {"dataset": "", "policy": "", "name": "", "steps": 0},
    "eval": {"dataset": "", "task": "", "checkpoint": ""},
}
"""Where an event or a document does not say it: a bench session's document never did."""


def _data_dir(root: str, dataset: str) -> str:
    """The data folder of a dataset's root; empty where the root does not lie as `datasets/NAME` in one."""
    tail = f"/datasets/{dataset}"
    return root.removesuffix(tail) if dataset and root.endswith(tail) else ""


STEPS = {
    "ending the sitting": "ending",
    "ending the session": "ending",
    "stopping: a checkpoint is saved after the step in progress": "stopping",
    "stopping: once this checkpoint is saved": "stopping",
}
"""The steps of a phase that older consoles told by its detail alone."""


# -- the log's documents ----------------------------------------------------------------------------


def session(flat: Mapping[str, Any]) -> Plain:
    """A document of schema 1 in today's form; what is no such document is not made one.

    It never kept a worker's pid, a bench session's purpose or a training's whole configuration: those stay unknown.
    """
    kept = {key: flat[key] for key in ("episodes", "trials", "alarms", "notes", "tags", "last_seq") if key in flat}
    begun = {"type": "SessionStarted", "at": unix(str(flat.get("started_utc"))), **started(flat)}
    training = flat.get("training")
    return {
        "started": begun,
        "ended": _ended(flat),
        "training": _training(training) if training else None,
        **kept,
    }


def _ended(flat: Mapping[str, Any]) -> Plain | None:
    if flat.get("status", "running") == "running":
        return None
    at = unix(str(flat.get("ended_utc")))
    return {"type": "SessionEnded", "at": at, "status": flat["status"], "reason": flat.get("end_reason", "")}


def _training(flat: Mapping[str, Any]) -> Plain:
    loss = flat.get("final_loss")
    metrics = ({} if loss is None else {"loss": loss}) | (flat.get("metrics") or {})
    progress = {key: flat[key] for key in ("samples", "epochs") if key in flat}
    facts = {key: flat[key] for key in TRAINING if key in flat}
    return {
        "started": {"type": "TrainingStarted", **UNTOLD, **facts, "steps": flat.get("total_steps", 0)},
        "progress": {"type": "TrainingProgressed", "step": flat.get("steps", 0), **progress, "metrics": metrics},
        "checkpoints": [_checkpoint(checkpoint) for checkpoint in flat.get("checkpoints", ())],
    }


def _checkpoint(flat: Mapping[str, Any]) -> Plain:
    kept = {key: flat[key] for key in ("step", "path", "bytes", "seconds", "loss") if key in flat}
    return {"type": "CheckpointSaved", "at": unix(str(flat.get("at_utc"))), **kept}


TRAINING = (
    "policy", "output_dir", "batch_size", "device", "parameters", "episodes", "episodes_total", "frames", "cameras",
    "excluded_cameras",
)  # fmt: skip
UNTOLD: Plain = {"batch_size": 0, "device": "", "parameters": 0, "episodes": (), "episodes_total": 0, "frames": 0}
"""What the first documents of a training did not have."""

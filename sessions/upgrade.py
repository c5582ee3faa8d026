"""Converts events and documents of older consoles to the current form: plain values in, plain values out.

Before SessionStarted embedded the request (schema 1 of sessions.json, 2026), the request's fields were copied into
it one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sessions.bench import Profile
from sessions.times import unix

Plain = dict[str, Any]


def is_flat(started: Mapping[str, Any]) -> bool:
    """Whether a SessionStarted event has the older form."""
    return "request" not in started


def started(flat: Mapping[str, Any]) -> Plain:
    """Convert a SessionStarted event of the older form."""
    unchanged = ("type", "seq", "at", "id", "pid", "host", "versions", "git_commit")
    kept = {key: flat[key] for key in unchanged if key in flat}
    return {"pid": 0, "host": "", **kept, "request": request(flat)}


def request(flat: Mapping[str, Any]) -> Plain:
    """The request in the flat fields of an event or a document."""
    kind, config = str(flat.get("kind")), flat.get("config") or {}
    values: Plain = {"type": kind, "data_dir": _data_dir(flat.get("dataset_root", ""), flat.get("dataset", ""))}
    values |= REQUEST_DEFAULTS.get(kind, {})
    values |= {name: flat[name] for name in FIELDS if flat.get(name) not in (None, "")}
    values |= {CONFIGS.get(old, old): value for old, value in config.items()}
    if kind != "train":
        values["profile"] = _profile({"robot": {}, "name": flat.get("bench", ""), **(flat.get("profile") or {})})
    target = TARGETS.get(kind, "")
    return values | ({target: flat[f"target_{target}"]} if f"target_{target}" in flat else {})


def _profile(plain: Plain) -> Plain:
    """Profiles used to be free-form: keep only LeRobot's own dictionaries of one that does not fit."""
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
"""Fields of a request that were copied under their own names; decoding ignores those of other kinds."""
CONFIGS = {"dataset": "settings"}
"""Renamed keys of `config`."""
TARGETS = {"record": "episodes", "eval": "trials"}
REQUEST_DEFAULTS: dict[str, Plain] = {
    "record": {"dataset": "", "task": ""},
    "bench": {"purpose": ""},
    "train": {"dataset": "", "policy": "", "name": "", "steps": 0},
    "eval": {"dataset": "", "task": "", "checkpoint": ""},
}
"""Values of required fields that an event or document may lack, as every bench session's document does."""


def _data_dir(root: str, dataset: str) -> str:
    """The data folder of a dataset's root; empty unless the root ends in `datasets/NAME`."""
    tail = f"/datasets/{dataset}"
    return root.removesuffix(tail) if dataset and root.endswith(tail) else ""


STEPS = {
    "ending the sitting": "ending",
    "ending the session": "ending",
    "stopping: a checkpoint is saved after the step in progress": "stopping",
    "stopping: once this checkpoint is saved": "stopping",
}
"""The step of a phase by its detail, which was all that older consoles wrote."""


def alarmed_camera(text: str) -> str:
    """The camera that an alarm of an older file is about, if it is about one: the text begins with its name."""
    return text.partition(":")[0]


# -- the log's documents ----------------------------------------------------------------------------


def session(flat: Mapping[str, Any]) -> Plain:
    """Convert a document of schema 1. Raises AttributeError, KeyError, TypeError or ValueError if it is not one.

    A worker's pid, a bench session's purpose and a training's whole configuration were not stored and stay unknown.
    """
    kept = {key: flat[key] for key in ("episodes", "trials", "alarms", "notes", "tags", "last_seq") if key in flat}
    beginning = {"type": "SessionStarted", "at": unix(str(flat.get("started_utc"))), **started(flat)}
    training = flat.get("training")
    return {
        "started": beginning,
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
        "started": {"type": "TrainingStarted", **TRAINING_DEFAULTS, **facts, "steps": flat.get("total_steps", 0)},
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
TRAINING_DEFAULTS: Plain = {
    "batch_size": 0,
    "device": "",
    "parameters": 0,
    "episodes": (),
    "episodes_total": 0,
    "frames": 0,
}
"""Values that the first documents of a training lack."""

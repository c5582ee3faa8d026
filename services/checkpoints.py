"""Checkpoints on disk: which are complete, what their policy needs, and whether a bench gives it. No torch.

LeRobot (0.6.1, common/train_utils.py) writes `checkpoints/NNNNNN/{pretrained_model,training_state}`; the console
adds `pretrained_model/lab-console.json` with what LeRobot does not keep: names, cameras left out, where trials begin.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.eventlog import read_events
from services.folders import SESSION_ID, DataFolder, RunFolder
from services.snapshots import replay
from sessions.files import write_atomically

PRETRAINED, STATE = "pretrained_model", "training_state"
CONFIG, WEIGHTS, SIDECAR = "config.json", "model.safetensors", "lab-console.json"
ADAPTER = "adapter_model.safetensors"
IMAGES = "observation.images."
SESSION_START = re.compile(r"\d{8}[\w-]*")
"""The beginning of a session's id."""
JOINTS, CUBE, ACTION = "observation.state", "observation.environment_state", "action"


class CheckpointProblem(Exception):
    """A checkpoint that cannot be used: which, why, and what to do, in a sentence."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a checkpoint comes from. `start_pose` is the median pose (degrees) in which its demonstrations begin."""

    session: str = ""
    dataset: str = ""
    dataset_root: str = ""
    tasks: tuple[str, ...] = ()
    fps: int = 0
    robot_type: str = ""
    names: dict[str, tuple[str, ...]] = {}
    """The values of each numeric feature, in order: joints of `observation.state` and `action`, for one."""
    cameras: tuple[str, ...] = ()
    excluded_cameras: tuple[str, ...] = ()
    episodes: tuple[int, ...] = ()
    start_pose: dict[str, float] = {}


class PolicyFeature(msgspec.Struct, frozen=True):
    """One input or output as LeRobot's config.json has it: type VISUAL, STATE, ENV or ACTION; images (C, H, W)."""

    type: str
    shape: tuple[int, ...]


class _Config(msgspec.Struct):
    type: str
    input_features: dict[str, PolicyFeature] | None = None
    output_features: dict[str, PolicyFeature] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A policy that can be loaded: `path` is its pretrained_model folder, `step` None where that is unknown."""

    path: Path
    policy: str
    inputs: dict[str, PolicyFeature] = field(default_factory=dict)
    outputs: dict[str, PolicyFeature] = field(default_factory=dict)
    step: int | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that the policy looks at."""
        return tuple(k.removeprefix(IMAGES) for k, f in self.inputs.items() if f.type == "VISUAL")

    @property
    def label(self) -> str:
        """`act_v2 @ 020000`: the run's folder and the step."""
        parts = self.path.parts
        if self.step is None or len(parts) < 4:
            return self.path.name if self.path.name != PRETRAINED else self.path.parent.name
        return f"{self.path.parents[2].name} @ {self.path.parent.name}"


@dataclass(frozen=True)
class Fit:
    """How a policy and a bench go together: `problems` forbid it, `notes` are worth knowing. All in words."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# -- finding ----------------------------------------------------------------------------------------


def resolve(folder: DataFolder, wanted: str) -> Checkpoint:
    """The checkpoint that `wanted` means.

    A path: of a pretrained_model folder, of a checkpoint, or of a training's output (its newest complete one). Or a
    training session's id, or the beginning of it, with `@STEP` for another than its newest. Raises CheckpointProblem.
    """
    wanted = wanted.strip()
    if not wanted:
        raise CheckpointProblem("a checkpoint is needed: a path, or a training session's id")
    for path in (_home(wanted), folder.root / wanted):
        if _exists(path):
            return read(path)
    name, _, step = wanted.partition("@")
    runs = sorted(folder.runs.glob(f"{name}*")) if SESSION_START.fullmatch(name) else []
    if not runs:
        raise CheckpointProblem(
            f"{wanted!r} is neither a path nor a training session's id; `lab-console sessions --kind train` lists them"
        )
    if len(runs) > 1:
        raise CheckpointProblem(f"{name!r} fits {len(runs)} sessions: write more of the id")
    return _of_session(RunFolder(runs[0]), step)


def _home(wanted: str) -> Path:
    try:
        return Path(wanted).expanduser()
    except RuntimeError:  # ~ and a user that there is none of
        return Path(wanted)


def _exists(path: Path) -> bool:
    """Whether it is there; what no file system holds (a name too long, say), or hides, is not."""
    try:
        return path.exists()
    except OSError:
        return False


def _of_session(run: RunFolder, step: str) -> Checkpoint:
    state = replay(read_events(run.events)).training
    if state is None:
        raise CheckpointProblem(f"session {run.id} is no training that got as far as its first step")
    output = Path(state.started.output_dir)
    if not step:
        return read(output)
    chosen = [p for p in complete(output) if int(p.name) == int(step)] if step.isdigit() else []
    if not chosen:
        there = ", ".join(p.name for p in complete(output)) or "none"
        raise CheckpointProblem(f"session {run.id} has no complete checkpoint of step {step}; it has: {there}")
    return read(chosen[0])


def complete(output: Path) -> list[Path]:
    """A training output's complete checkpoints, in the order of their steps."""
    folders = [p for p in (output / "checkpoints").glob("[0-9]*") if p.is_dir() and not p.is_symlink()]
    return sorted((p for p in folders if p.name.isdigit() and not missing(p)), key=lambda p: int(p.name))


def missing(checkpoint: Path) -> str:
    """What a checkpoint folder lacks to be complete, in words; empty where it lacks nothing."""
    state = checkpoint / STATE
    if not state.is_dir():
        return f"it has no {STATE}"
    parts = ["training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json"]
    if _scheduled(checkpoint):
        parts.append("scheduler_state.json")
    gone = [name for name in parts if not (state / name).is_file()]
    if gone:
        return f"its {STATE} lacks {', '.join(gone)}"
    return _weights_missing(checkpoint / PRETRAINED)


def _scheduled(checkpoint: Path) -> bool:
    """Whether the training had a scheduler, whose state then has to be there."""
    try:
        return bool(json.loads((checkpoint / PRETRAINED / "train_config.json").read_bytes()).get("scheduler"))
    except (OSError, ValueError, AttributeError):
        return False


def _weights_missing(pretrained: Path) -> str:
    if not (pretrained / CONFIG).is_file():
        return f"it has no {CONFIG}"
    weights = next((p for p in (pretrained / WEIGHTS, pretrained / ADAPTER) if p.is_file()), None)
    if weights is None:
        return f"it has no {WEIGHTS}"
    return "" if _whole(weights) else f"its {weights.name} is cut short"


def _whole(weights: Path) -> bool:
    """Whether a safetensors file is as long as its header says (8 bytes length, JSON, then the tensors)."""
    try:
        with weights.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > 100_000_000:
                return False
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return bool(weights.stat().st_size == 8 + length + max(ends, default=0))
    except (OSError, struct.error, ValueError, KeyError, TypeError):
        return False


def read(path: Path) -> Checkpoint:
    """The policy at `path` (pretrained_model, checkpoint, or training output). Raises CheckpointProblem."""
    path = path.resolve()
    if (path / CONFIG).is_file():
        return _read(path)
    if (path / PRETRAINED).is_dir() or (path / STATE).is_dir():
        if lack := missing(path):
            others = [p.name for p in complete(path.parent.parent)]
            use = f"use {others[-1]}" if others else "train again"
            raise CheckpointProblem(
                f"checkpoint {path} is incomplete: {lack} (its training died while it was written); {use}, or name its "
                f"{PRETRAINED} folder to run what there is"
            )
        return _read(path / PRETRAINED)
    if (path / "checkpoints").is_dir():
        found = complete(path)
        if not found:
            raise CheckpointProblem(f"{path} holds no complete checkpoint yet")
        return _read(found[-1] / PRETRAINED)
    raise CheckpointProblem(f"{path} is no checkpoint: it has neither {CONFIG} nor {PRETRAINED}")


def _read(pretrained: Path) -> Checkpoint:
    if lack := _weights_missing(pretrained):
        raise CheckpointProblem(f"checkpoint {pretrained} cannot be loaded: {lack}")
    try:
        config = msgspec.json.decode((pretrained / CONFIG).read_bytes(), type=_Config)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CheckpointProblem(f"{pretrained / CONFIG} is no LeRobot policy configuration: {error}") from error
    name = pretrained.parent.name
    return Checkpoint(
        path=pretrained,
        policy=config.type,
        inputs=config.input_features or {},
        outputs=config.output_features or {},
        step=int(name) if name.isdigit() else None,
        provenance=read_provenance(pretrained),
    )


def read_provenance(pretrained: Path) -> Provenance:
    """What the console wrote beside the policy; empty for one that comes from elsewhere."""
    try:
        return msgspec.json.decode((pretrained / SIDECAR).read_bytes(), type=Provenance)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Provenance()


def write_provenance(pretrained: Path, provenance: Provenance) -> None:
    """Write it beside the policy. Raises OSError."""
    write_atomically(pretrained / SIDECAR, msgspec.json.format(msgspec.json.encode(provenance), indent=2))


# -- fitting ----------------------------------------------------------------------------------------


def fit(checkpoint: Checkpoint, features: Mapping[str, Mapping[str, Any]], *, fps: int = 0) -> Fit:
    """Whether a bench that gives `features` (LeRobot's dataset features: images (H, W, C)) can run the policy."""
    problems: list[str] = []
    notes: list[str] = []
    given = {k: f for k, f in features.items() if k.startswith(IMAGES)}
    for key, wanted in checkpoint.inputs.items():
        if wanted.type == "VISUAL":
            problems += _camera(key.removeprefix(IMAGES), wanted, given.get(key))
        elif key not in features:
            problems.append(f"the policy needs {key} ({_size(wanted.shape)}), which this bench does not observe")
        else:
            problems += _values(key, wanted.shape, features[key], checkpoint.provenance.names.get(key))
    out = checkpoint.outputs.get(ACTION)
    if out is None:
        problems.append("the policy gives no action")
    elif ACTION in features:
        problems += _values(ACTION, out.shape, features[ACTION], checkpoint.provenance.names.get(ACTION))
    unused = [k.removeprefix(IMAGES) for k in given if k not in checkpoint.inputs]
    if unused:
        notes.append(f"the policy does not look at {', '.join(unused)}")
    if not checkpoint.provenance.names:
        notes.append("the checkpoint does not name its joints: they are taken in the bench's order")
    if fps and checkpoint.provenance.fps and fps != checkpoint.provenance.fps:
        problems.append(f"the policy learnt at {checkpoint.provenance.fps} Hz, this bench runs at {fps} Hz")
    return Fit(tuple(problems), tuple(notes))


def fit_cameras(checkpoint: Checkpoint, cameras: Iterable[str]) -> Fit:
    """As far as lab.toml alone tells: whether the cameras are there."""
    there = set(cameras)
    gone = [name for name in checkpoint.cameras if name not in there]
    has = f"this bench has {', '.join(sorted(there))}" if there else "this bench has no camera"
    problems = [f"the policy needs camera {name}; {has}" for name in gone]
    unused = sorted(there - set(checkpoint.cameras))
    return Fit(tuple(problems), (f"the policy does not look at {', '.join(unused)}",) if unused else ())


def _camera(name: str, wanted: PolicyFeature, given: Mapping[str, Any] | None) -> list[str]:
    if given is None:
        return [f"the policy needs camera {name}, which this bench does not have"]
    height, width = tuple(given["shape"])[:2]
    if tuple(wanted.shape[1:]) != (height, width):
        learnt = f"{wanted.shape[2]}x{wanted.shape[1]}"
        return [
            f"camera {name} gives {width}x{height}, the policy learnt {learnt}: set its width and height in lab.toml"
        ]
    return []


def _values(key: str, shape: tuple[int, ...], given: Mapping[str, Any], names: tuple[str, ...] | None) -> list[str]:
    has = tuple(given.get("names") or ())
    if tuple(given["shape"]) != shape:
        return [f"the policy's {key} has {_size(shape)}, this bench's {_size(tuple(given['shape']))}"]
    if names and has and names != has:
        other = [f"{a} for {b}" for a, b in zip(names, has, strict=False) if a != b]
        return [f"the policy's {key} names other values than this bench: {', '.join(other[:6])}"]
    return []


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} values" if len(shape) == 1 else "x".join(map(str, shape))


def is_session_id(text: str) -> bool:
    """Whether `text` is a whole session id."""
    return bool(SESSION_ID.fullmatch(text))

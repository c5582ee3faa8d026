"""Checkpoints on disk: which are complete, their labels, and the inputs of their policies. No torch.

LeRobot (0.6.1, common/train_utils.py) writes `checkpoints/NNNNNN/{pretrained_model,training_state}`; the console
adds `pretrained_model/lab-console.json` with what LeRobot does not store: names, cameras left out, the start pose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.checkpoints import hub, scripted
from services.checkpoints.foreign_code import ForeignCode, check_code
from services.checkpoints.preprocessor import Normalizer, Preprocessor, read_preprocessor, read_unnormalizer
from services.checkpoints.safetensors import whole
from services.checkpoints.shaping import own_shaping
from services.datasets.cameras import IMAGES, camera_name
from services.folders import DataFolder, RunFolder
from services.live.event_log import read_events
from services.live.snapshots import replay
from services.text import brief
from sessions.files import read_file, write_atomically
from sessions.left_out import LeftOut
from sessions.lineage import Lineage
from sessions.slots import PLAIN, How, Shaping, Wiring

CHECKPOINTS, PRETRAINED, STATE = "checkpoints", "pretrained_model", "training_state"
CONFIG, WEIGHTS, SIDECAR = "config.json", "model.safetensors", "lab-console.json"
ADAPTER = "adapter_model.safetensors"
SESSION_START = re.compile(r"\d{8}[\w-]*")
"""The beginning of a session's id."""
JOINTS, ACTION = "observation.state", "action"
EMPTY = re.compile(re.escape(IMAGES) + r"empty_camera_\d+")
"""The inputs that `empty_cameras` of a configuration adds: LeRobot fills them (policies/smolvla, pi0, evo1, xvla)."""


class CheckpointProblem(Exception):
    """A checkpoint cannot be used; the message says which, why, and what to do."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """The origin of a checkpoint. `start_pose` is the median pose (degrees) in which its demonstrations begin.

    `calibrations` are those that its demonstrations were recorded with, as far as known: by session, the SHA-256
    of each arm's calibration file. `left_out` are the dataset's episodes that it has not learnt from, and why.
    `camera_sizes` are the (width, height) of the dataset's pictures, before any resize.
    `contents` are the digests (services.datasets.content) of the episodes that it learnt from or that were held out,
    `rows` those of all their numbers (services.datasets.revision), and `videos`, by camera, those of their pictures
    (services.datasets.pictures), empty where there was none. `lineage` is of the episodes that it learnt from,
    `weights` the fingerprint of the policy beside (services.checkpoints.weights). Older files have no `rows` or these.
    """

    session: str = ""
    dataset: str = ""
    dataset_root: str = ""
    tasks: tuple[str, ...] = ()
    fps: int = 0
    robot_type: str = ""
    names: dict[str, tuple[str, ...]] = {}
    """The names of each numeric feature's values, in order, such as the joints of `observation.state` and `action`."""
    cameras: tuple[str, ...] = ()
    camera_sizes: dict[str, tuple[int, int]] = {}
    excluded_cameras: tuple[str, ...] = ()
    episodes: tuple[int, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    start_pose: dict[str, float] = {}
    calibrations: dict[str, dict[str, str]] = {}
    contents: dict[int, str] = {}
    videos: dict[str, dict[int, str]] = {}
    rows: dict[int, str] = {}
    lineage: Lineage = Lineage()
    weights: str = ""


class PolicyFeature(msgspec.Struct, frozen=True):
    """One input or output in LeRobot's config.json: type VISUAL, STATE, ENV or ACTION; images are (C, H, W)."""

    type: str
    shape: tuple[int, ...]


class _Config(msgspec.Struct):
    """Fields that LeRobot's policies/*/configuration_*.py share."""

    type: str
    input_features: dict[str, PolicyFeature] | None = None
    output_features: dict[str, PolicyFeature] | None = None
    max_state_dim: Any = None


@dataclass(frozen=True)
class Checkpoint:
    """A policy that can be loaded: `path` is its pretrained_model folder, `step` is None if unknown.

    `shaping` is what its own code makes of pictures. `room`: it pads a shorter state to this many values, 0 if it does
    not. `wiring` is what the operator says of the cameras that it gets here.
    """

    path: Path
    policy: str
    inputs: dict[str, PolicyFeature] = field(default_factory=dict)
    outputs: dict[str, PolicyFeature] = field(default_factory=dict)
    step: int | None = None
    provenance: Provenance = field(default_factory=Provenance)
    preprocessor: Preprocessor = field(default_factory=Preprocessor)
    unnormalizer: Normalizer = field(default_factory=Normalizer)
    shaping: tuple[Shaping, ...] = ()
    room: int = 0
    wiring: Wiring = PLAIN

    @property
    def resizes(self) -> bool:
        """Whether it takes pictures of any size."""
        return any(step.how is not How.CROP for step in self.shaping)

    @property
    def needs(self) -> dict[str, PolicyFeature]:
        """The inputs that it needs, by its own names.

        A pretrained base's configuration may name more cameras than the dataset had (LeRobot trains with a subset,
        policies/utils.py validate_visual_features_consistency): those are left out, and so are the empty ones.
        """
        cameras = [k for k, f in self.inputs.items() if f.type == "VISUAL" and not EMPTY.fullmatch(k)]
        trained = [k for k in cameras if not self.preprocessor.learnt.keys().isdisjoint(self.sources(k))]
        wanted = set(trained or cameras)
        return {k: f for k, f in self.inputs.items() if f.type != "VISUAL" or k in wanted}

    def sources(self, key: str) -> tuple[str, ...]:
        """The observations' names that its input `key` can come from; those that it was trained with first."""
        renames = self.preprocessor.renames
        names = [old for old, new in renames.items() if new == key] + ([] if key in renames else [key])
        return tuple(sorted(names, key=lambda name: name not in self.preprocessor.learnt))

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that the policy uses, by their names in its training."""
        used = [next(iter(self.sources(k)), k) for k, f in self.needs.items() if f.type == "VISUAL"]
        return tuple(map(camera_name, used))

    @property
    def scripted(self) -> bool:
        """Whether it is the simulated bench's scripted person."""
        return self.policy == scripted.NAME

    @property
    def label(self) -> str:
        """`act_v2 @ 020000`."""
        return label(self.path)


def label(path: str | Path) -> str:
    """`act_v2 @ 020000` for a checkpoint's folder or the policy in it; otherwise the folder's name.

    A policy in the Hub client's cache is called by its id and the beginning of its commit.
    """
    folder = Path(path)
    if name := hub.snapshot_name(folder):
        return name
    inside = folder.name == PRETRAINED
    if inside:
        folder = folder.parent
    run = folder.parent.parent.name
    if run and folder.name.isdecimal() and (inside or folder.parent.name == CHECKPOINTS):
        return f"{run} @ {folder.name}"
    return folder.name


# -- finding ----------------------------------------------------------------------------------------


def resolve(folder: DataFolder, wanted: str, plugins: Collection[str] = ()) -> Checkpoint:
    """The checkpoint that `wanted` refers to. Raises CheckpointProblem.

    `wanted` is the path of a pretrained_model folder, a checkpoint, or a training's output (its newest complete
    checkpoint); or a training's name, or its session's id or the beginning of one, each with an optional `@STEP`; or
    the id of a policy of the Hub that was downloaded, with an optional `@REVISION`. `plugins` as for `read`.
    """
    wanted = wanted.strip()
    if not wanted:
        raise CheckpointProblem("a checkpoint is needed: a path, a training's name, or its session's id")
    if found := _scripted(wanted):
        return found
    for path in (home(wanted), folder.root / wanted):
        if exists(path):
            return read(path, plugins)
    name, _, step = (part.strip() for part in wanted.partition("@"))
    if name and Path(name).name == name and exists(folder.trainings / name):
        return _of_training(folder.trainings / name, step, f"training {name}", plugins)
    runs = sorted(folder.runs.glob(f"{name}*")) if SESSION_START.fullmatch(name) else []
    if not runs and hub.is_id(hub.split(wanted)[0]):
        return _of_hub(wanted, plugins)
    if not runs:
        raise CheckpointProblem(
            f"there is no {brief(wanted, 200)!r}: a path, NAME or NAME@STEP of a training, or a session's id"
        )
    if len(runs) > 1:
        raise CheckpointProblem(f"{name!r} fits {len(runs)} sessions: write more of the id")
    return _of_session(RunFolder(runs[0]), step, plugins)


def _scripted(wanted: str) -> Checkpoint | None:
    """The simulated bench's scripted person, if that is wanted. Raises CheckpointProblem."""
    try:
        rate = scripted.success_rate(wanted)
    except ValueError as error:
        raise CheckpointProblem(str(error)) from error
    return None if rate is None else Checkpoint(path=Path(scripted.written(rate)), policy=scripted.NAME)


def _of_hub(wanted: str, plugins: Collection[str]) -> Checkpoint:
    """The policy in the Hub client's cache. Forms ask at each key, so nothing is downloaded here."""
    repo_id, revision = hub.split(wanted)
    fetch = f"`lab-console fetch {wanted} --from hub`"
    path = hub.cached(repo_id, revision=revision)
    if path is not None:
        apart = any((path / name).is_dir() for name in (CHECKPOINTS, PRETRAINED))
        if not apart and (lack := _weights_missing(path)):
            raise CheckpointProblem(f"the Hub's cache has not all of {repo_id}: {lack}; {fetch} brings the rest")
        return read(path, plugins)
    if revision and hub.cached(repo_id) is not None:
        raise CheckpointProblem(f"the Hub's cache has {repo_id}, but not its revision {revision!r}: {fetch} brings it")
    raise CheckpointProblem(
        f"there is no {brief(wanted, 200)!r}: a path, NAME or NAME@STEP of a training, or a session's id; a "
        f"policy of the Hub is downloaded with {fetch}"
    )


def home(wanted: str) -> Path:
    """A path with its `~` resolved, where that user is known."""
    try:
        return Path(wanted).expanduser()
    except RuntimeError:  # ~ and an unknown user
        return Path(wanted)


def exists(path: Path) -> bool:
    """Whether it exists; False if the file system cannot look it up (a name too long, no permission)."""
    try:
        return path.exists()
    except OSError:
        return False


def _of_session(run: RunFolder, step: str, plugins: Collection[str]) -> Checkpoint:
    state = replay(read_events(run.events)).training
    if state is None:
        raise CheckpointProblem(f"session {run.id} is not a training that reached its first step")
    return _of_training(Path(state.started.output_dir), step, f"session {run.id}", plugins)


def _of_training(output: Path, step: str, who: str, plugins: Collection[str]) -> Checkpoint:
    """The newest checkpoint, or that of `step`."""
    if not step:
        return read(output, plugins)
    chosen = [p for p in _folders(output) if int(p.name) == int(step)] if step.isdecimal() else []
    if not chosen:
        there = ", ".join(p.name for p in complete(output)) or "none"
        raise CheckpointProblem(f"{who} has no complete checkpoint of step {step}; it has: {there}")
    return read(chosen[0], plugins)


def newest(folder: DataFolder) -> list[str]:
    """All complete checkpoints as `resolve` takes them: first the newest of each training, then the others.

    Reads the disk: do not call it on an event loop.
    """
    runs = [(found, at) for path in _trainings(folder) if (found := complete(path)) and (at := _written(found[-1]))]
    runs.sort(key=lambda run: run[1], reverse=True)
    first = [found[-1] for found, _ in runs]
    others = [path for found, _ in runs for path in reversed(found[:-1])]
    return [str(path.relative_to(folder.root)) for path in first + others]


def _trainings(folder: DataFolder) -> list[Path]:
    try:
        return [path for path in folder.trainings.iterdir() if path.is_dir()]
    except OSError:
        return []


def _written(checkpoint: Path) -> float:
    try:
        return checkpoint.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def complete(output: Path) -> list[Path]:
    """A training output's complete checkpoints, in the order of their steps."""
    return [path for path in _folders(output) if not missing(path)]


def _folders(output: Path) -> list[Path]:
    """Those of its checkpoints, complete or not, in the order of their steps."""
    folders = [p for p in (output / CHECKPOINTS).glob("[0-9]*") if p.is_dir() and not p.is_symlink()]
    return sorted((p for p in folders if p.name.isdecimal()), key=lambda p: int(p.name))


def missing(checkpoint: Path) -> str:
    """What a checkpoint folder lacks, as text; empty if it is complete."""
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
    """Whether the training had a scheduler, whose state is then required."""
    try:
        return bool(json.loads(read_file(checkpoint / PRETRAINED / "train_config.json")).get("scheduler"))
    except (OSError, ValueError, AttributeError):
        return False


def _weights_missing(pretrained: Path) -> str:
    if not (pretrained / CONFIG).is_file():
        return f"it has no {CONFIG}"
    weights = next((p for p in (pretrained / WEIGHTS, pretrained / ADAPTER) if p.is_file()), None)
    if weights is None:
        return f"it has no {WEIGHTS}"
    return "" if whole(weights) else f"its {weights.name} is cut short"


def read(path: Path, plugins: Collection[str] = ()) -> Checkpoint:
    """The policy at `path` (pretrained_model, checkpoint, or training output). Raises CheckpointProblem.

    One that would run code from elsewhere is refused; `plugins` are those that lab.toml trusts.
    """
    if person := _scripted(str(path)):
        return person
    path = path.resolve()
    if (path / CONFIG).is_file():
        return _read(path, plugins)
    if (path / PRETRAINED).is_dir() or (path / STATE).is_dir():
        if lack := missing(path):
            others = [p.name for p in complete(path.parent.parent)]
            use = f"use {others[-1]}" if others else "train again"
            raise CheckpointProblem(
                f"checkpoint {path} is incomplete: {lack} (its training died while writing it, or its policy alone was "
                f"brought here); {use}, or name its {PRETRAINED} folder to run what there is"
            )
        return _read(path / PRETRAINED, plugins)
    if (path / CHECKPOINTS).is_dir():
        found = complete(path) or _folders(path)
        if not found:
            raise CheckpointProblem(f"{path} holds no complete checkpoint yet")
        return read(found[-1], plugins)
    raise CheckpointProblem(f"{path} is not a checkpoint: it has neither {CONFIG} nor {PRETRAINED}")


def _read(pretrained: Path, plugins: Collection[str]) -> Checkpoint:
    if lack := _weights_missing(pretrained):
        raise CheckpointProblem(f"checkpoint {pretrained} cannot be loaded: {lack}")
    try:
        check_code(pretrained, plugins)
    except ForeignCode as foreign:
        raise CheckpointProblem(f"checkpoint {pretrained} is not loaded: {foreign}") from foreign
    try:
        text = read_file(pretrained / CONFIG)
        config = msgspec.json.decode(text, type=_Config)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointProblem(f"{pretrained / CONFIG} is not a LeRobot policy configuration: {error}") from error
    name, padded = pretrained.parent.name, config.max_state_dim
    return Checkpoint(
        path=pretrained,
        policy=config.type,
        inputs=config.input_features or {},
        outputs=config.output_features or {},
        step=int(name) if name.isdecimal() else None,
        provenance=read_provenance(pretrained),
        preprocessor=read_preprocessor(pretrained),
        unnormalizer=read_unnormalizer(pretrained),
        shaping=own_shaping(config.type, msgspec.json.decode(text)),
        room=padded if isinstance(padded, int) else 0,
    )


def read_provenance(pretrained: Path) -> Provenance:
    """The provenance that the console wrote beside the policy; empty for a policy from elsewhere."""
    try:
        return msgspec.json.decode(read_file(pretrained / SIDECAR), type=Provenance)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Provenance()


def write_provenance(pretrained: Path, provenance: Provenance) -> None:
    """Write the provenance beside the policy. Raises OSError."""
    write_atomically(pretrained / SIDECAR, msgspec.json.format(msgspec.json.encode(provenance), indent=2))

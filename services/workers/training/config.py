"""LeRobot's training configuration for a request: every key in LeRobot's own syntax, errors as sentences.

Built as `lerobot-train` would from its arguments (`configs/parser.py`: each value is YAML, keys are dotted paths),
but through `draccus.decode` instead of argparse, which would end the process on an unknown key.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import draccus
import lerobot.policies
from draccus import cfgparsing
from draccus.utils import DraccusException, deflatten
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.io_utils import load_info
from lerobot.utils.constants import OBS_ENV_STATE
from lerobot.utils.feature_utils import dataset_to_policy_features
from lerobot.utils.import_utils import register_third_party_plugins

from services.checkpoints.checkpoint import EMPTY, label
from services.datasets.cameras import camera_keys
from services.error_text import message
from services.live.requests import TrainRequest
from services.near import did_you_mean
from services.refusal import Refusal
from services.training.camera_fit import check_seen
from services.workers.process.step_guard import guard_steps
from services.workers.training import resize
from services.workers.training.config_problem import ConfigProblem
from services.workers.training.pretrained import pretrained
from sessions.target import TargetKind

assert lerobot.policies  # importing it registers the policy types
LOADERS = 4
"""The most processes that decode frames: LeRobot's default."""
_STREAM = "dataset.streaming"


def build(request: TrainRequest, *, root: Path, output: Path, episodes: Sequence[int]) -> TrainPipelineConfig:
    """The configuration of this training. Raises ConfigProblem."""
    _register_plugins()
    guard_steps(request.plugins)
    with _quiet():
        given = dict(text.split("=", 1) for text in request.settings)
        of_policy = {k.removeprefix("policy."): v for k, v in given.items() if k.startswith("policy.")}
        others = {k: v for k, v in given.items() if not k.startswith("policy.")}
        policy = _policy(request, of_policy)
        _check_keys(TrainPipelineConfig, others)
        check_preset(others, type(policy))
        values = _nested(_defaults(request, root, output) | others)
        values["dataset"]["episodes"] = list(episodes)
        config = decode(TrainPipelineConfig, values)
        resize.check(policy, request)
        _check_stream(config, root, episodes, request.exclude_cameras)
        config.policy = policy
        if request.push:
            policy.push_to_hub, policy.repo_id, policy.private = True, request.push, True
        if request.on is not None and request.on.kind is TargetKind.HF:
            config.job.target, config.job.timeout = request.on.flavor, request.on.time or config.job.timeout
        _set_inputs(config, request, root, mapped="normalization_mapping" in of_policy)
        return config


@cache
def _register_plugins() -> None:
    """Once: it reads the metadata of every installed distribution."""
    register_third_party_plugins()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence LeRobot's hundred lines about torchcodec (`utils/import_utils.py`)."""
    logger = logging.getLogger("lerobot.utils.import_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _defaults(request: TrainRequest, root: Path, output: Path) -> dict[str, str]:
    """The console's own values, which the operator's settings override."""
    return {
        "dataset.repo_id": request.dataset,
        "dataset.root": str(root),
        "dataset.video_backend": _video_backend(),
        "output_dir": str(output),
        "job_name": request.name,
        "num_workers": str(min(LOADERS, (os.cpu_count() or 1) - 1)),
        "env_eval_freq": "0",
        "steps": str(request.steps),
        "batch_size": str(request.batch_size),
        "log_freq": str(request.log_freq),
        "save_freq": str(request.save_freq),
        "dataset.eval_split": str(request.held_out),
        "eval_steps": str(request.held_out_every),
    }


@cache
def _video_backend() -> str:
    """Torchcodec if it really loads (it needs FFmpeg's libraries), else PyAV."""
    try:
        importlib.import_module("torchcodec")
    except (ImportError, OSError, RuntimeError):
        return "pyav"
    return "torchcodec"


def _check_stream(config: TrainPipelineConfig, root: Path, episodes: Sequence[int], without: Collection[str]) -> None:
    """LeRobot streams every episode and column (`datasets/streaming_dataset.py`, 0.6.1). Raises ConfigProblem."""
    info = load_info(root)
    gone = info.total_episodes - len(episodes)
    if config.dataset.streaming and config.dataset.eval_split:
        raise ConfigProblem("LeRobot holds no episodes of a stream out: leave it off", _STREAM)
    if config.dataset.streaming and gone > 0:
        raise ConfigProblem(f"LeRobot streams all episodes, and {gone} of these are left out: leave it off", _STREAM)
    pictures = [
        n for n, k in camera_keys(info.features).items() if n in without and info.features[k]["dtype"] == "image"
    ]
    if config.dataset.streaming and pictures:
        raise ConfigProblem(
            f"LeRobot streams every picture, and {pictures[0]} is to be left out: leave it off", _STREAM
        )


# -- the policy -------------------------------------------------------------------------------------


def _policy(request: TrainRequest, settings: Mapping[str, str]) -> PreTrainedConfig:
    """A fresh policy of a registered type, or the pretrained one of a path or Hub id, with the operator's keys."""
    types, wanted, plugins = PreTrainedConfig.get_known_choices(), request.policy, request.plugins
    base: dict[str, Any] = {}
    if wanted in types:
        kind = types[wanted]
    else:
        before = pretrained(wanted, tuple(types), plugins)
        kind, base = type(before), draccus.encode(before)
        base.pop("type", None)
        base["pretrained_path"] = wanted
    name = PreTrainedConfig.get_choice_name(kind)
    _check_keys(kind, settings, prefix="policy.", owner=f"policy {name}")
    values = base | {"push_to_hub": False} | resize.own_key(name, request, base) | _nested(settings, "policy.")
    config: PreTrainedConfig = decode(kind, values, prefix="policy.")
    return config


def _set_inputs(config: TrainPipelineConfig, request: TrainRequest, root: Path, *, mapped: bool) -> None:
    """Leave cameras out of the policy's inputs, note the size of the others, and normalize the environment's state.

    LeRobot takes all of the dataset's features if `input_features` is empty (`policies/factory.py`), and does not
    normalize what `normalization_mapping` does not name (`processor/normalize_processor.py`); ACT names no ENV.
    """
    policy = config.policy
    features = {k: {**f, "shape": tuple(f["shape"])} for k, f in load_info(root).features.items()}
    left_out = _keys_left_out(request, features)
    if left_out and policy.input_features:  # a pretrained policy has its own names; the rename map leads to them
        own = {config.rename_map.get(key, key): name for key, name in left_out.items()}
        unseen = [name for key, name in own.items() if key not in policy.input_features]
        if unseen:
            raise ConfigProblem(
                f"--exclude-cameras {unseen[0]}: {request.policy} does not look at that camera, so it is left out "
                f"already: it looks at {', '.join(policy.image_features) or 'no camera'}"
            )
        policy.input_features = {k: f for k, f in policy.input_features.items() if k not in own}
    elif left_out or resize.of(policy, request):
        every = dataset_to_policy_features(features)
        policy.input_features = {k: f for k, f in every.items() if k not in left_out and f.type.value != "ACTION"}
    if size := resize.of(policy, request):
        policy.input_features = resize.resized(policy.input_features, size)
    modes = getattr(policy, "normalization_mapping", None)
    if modes and OBS_ENV_STATE in features and "ENV" not in modes and "STATE" in modes and not mapped:
        policy.normalization_mapping = {**modes, "ENV": modes["STATE"]}
    if policy.input_features and policy.pretrained_path:
        _check_seen(config, request, {n: k for n, k in camera_keys(features).items() if k not in left_out})


def _check_seen(config: TrainPipelineConfig, request: TrainRequest, cameras: Mapping[str, str]) -> None:
    """Raises ConfigProblem if a pretrained policy looks at a camera that the dataset does not have."""
    policy, wanted = config.policy, request.policy
    named = label(wanted) if Path(wanted).is_absolute() else wanted
    seen = [key for key in policy.image_features if not EMPTY.fullmatch(key)]
    try:
        check_seen(named, policy.type, seen, cameras, dataset=request.dataset, renames=config.rename_map)
    except Refusal as refusal:
        raise ConfigProblem(str(refusal)) from refusal


def _keys_left_out(request: TrainRequest, features: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The feature keys of the cameras to leave out, each with its name. Raises ConfigProblem."""
    keys = camera_keys(features)
    unknown = [name for name in request.exclude_cameras if name not in keys]
    if unknown:
        raise ConfigProblem(f"--exclude-cameras {unknown[0]}: dataset {request.dataset} has {', '.join(keys)}")
    return {keys[name]: name for name in request.exclude_cameras}


# -- keys and values ----------------------------------------------------------------------------------


def _nested(settings: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """{"a.b": "1"} as {"a": {"b": 1}}; values are YAML, as on LeRobot's command line."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        try:
            values[key] = cfgparsing.parse_string(value)
        except Exception as error:  # PyYAML's errors have no base that draccus re-exports
            raise ConfigProblem(f"{value!r} is not a value that LeRobot can read", prefix + key) from error
    try:
        return deflatten(values, sep=".")
    except TypeError as error:  # a key that is a value and a group at once
        raise ConfigProblem(f"--set {' '.join(prefix + key for key in settings if '.' in key)}: {error}") from error


def _check_keys(kind: type, settings: Mapping[str, str], *, prefix: str = "", owner: str = "training") -> None:
    """Raises ConfigProblem for a key that `kind` does not have; nested groups are checked too."""
    known = dict(_keys(kind))
    for key in settings:
        first, dot, rest = key.partition(".")
        group = known.get(first)
        if first in known and (not dot or group is None or rest.partition(".")[0] in dict(_keys(group))):
            continue
        every = [*known, *(f"{name}.{key}" for name, group in known.items() if group for key, _ in _keys(group))]
        why = f"LeRobot's {owner} has no such key{did_you_mean(key, every, prefix)}"
        raise ConfigProblem(why, prefix + key)


def check_preset(settings: Mapping[str, str], policy: type) -> None:
    """Raises ConfigProblem for an optimizer or scheduler that the policy's preset would silently replace.

    `TrainPipelineConfig.validate` (configs/train.py) does so unless `use_policy_training_preset` is off.
    """
    if settings.get("use_policy_training_preset", "true").lower() not in ("true", "yes", "on", "1"):
        return
    for key in settings:
        group, dot, rest = key.partition(".")
        if group in ("optimizer", "scheduler"):
            own = f"{group}_{rest}" if dot else ""
            instead = f"set policy.{own}" if own in dict(_keys(policy)) else f"its own keys begin with policy.{group}_"
            why = f"the policy's preset would replace it; {instead}, or set use_policy_training_preset=false with a "
            raise ConfigProblem(f"{why}whole optimizer and scheduler", key)


def _keys(kind: type) -> Iterator[tuple[str, type | None]]:
    """The keys of a configuration class, each with the class nested there, if that is a plain dataclass."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.init:
            nested = hints.get(field.name)
            plain = isinstance(nested, type) and dataclasses.is_dataclass(nested) and not _is_choice(nested)
            yield field.name, nested if plain else None


def _is_choice(kind: type) -> bool:
    return hasattr(kind, "get_known_choices")


def decode(kind: type, values: dict[str, Any], *, prefix: str = "") -> Any:
    """What LeRobot's parser makes of the values of a configuration class. Raises ConfigProblem."""
    try:
        return draccus.decode(kind, values)
    except DraccusException as error:
        where = tuple(getattr(error, "key_path", ()))
        why = _reason(error, _names(kind, where))
        raise ConfigProblem(*((why, prefix + ".".join(where)) if where else (f"LeRobot refuses it: {why}",))) from error


def _reason(error: DraccusException, names: Sequence[str]) -> str:
    """All that LeRobot says of a value, in one line; `names` are those that an enumeration takes.

    Of a value that fits none of several types draccus lists the reason for each: the first is the one that is meant.
    """
    cause = error.__cause__
    if isinstance(cause, KeyError) and names:
        return f"there is no {cause.args[0]}: it takes {', '.join(names)}"
    text = str(getattr(error, "message", "") or cause or error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Could not decode the value into any"):
        return lines[1]
    if cause is not None and lines and lines[0].startswith("Failed when parsing"):
        return message(cause)
    return message(ValueError(text))


def _names(kind: type, path: Sequence[str]) -> list[str]:
    """The names of the enumeration that a key of `kind` takes; none if it takes anything else."""
    hint: Any = typing.get_type_hints(kind).get(path[0]) if path else None
    found = [each for each in (hint, *typing.get_args(hint)) if isinstance(each, type) and issubclass(each, Enum)]
    return [str(member.value) for each in found for member in each]

"""LeRobot's training configuration for a request: every key in LeRobot's own syntax, errors as sentences.

Built as `lerobot-train` would from its arguments (`configs/parser.py`: each value is YAML, keys are dotted paths),
but through `draccus.decode` instead of argparse, which would end the process on an unknown key.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import logging
import os
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import draccus
import lerobot.policies
from draccus import cfgparsing
from draccus.utils import DraccusException, ParsingError, deflatten
from huggingface_hub import snapshot_download
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.io_utils import load_info
from lerobot.utils.constants import OBS_ENV_STATE
from lerobot.utils.feature_utils import dataset_to_policy_features
from lerobot.utils.import_utils import register_third_party_plugins

from services.checkpoints.foreign_code import ForeignCode, check_code
from services.datasets.cameras import camera_keys
from services.live.requests import TrainRequest
from services.workers.process.step_guard import guard_steps

assert lerobot.policies  # importing it registers the policy types
LOADERS = 4
"""The most processes that decode frames: LeRobot's default."""


class ConfigProblem(Exception):
    """A configuration that cannot be used; the message names the key, the reason and what to do."""


def build(request: TrainRequest, *, root: Path, output: Path, episodes: Sequence[int]) -> TrainPipelineConfig:
    """The configuration of this training. Raises ConfigProblem."""
    register_third_party_plugins()
    guard_steps(request.plugins)
    with _quiet():
        given = dict(text.split("=", 1) for text in request.settings)
        of_policy = {k.removeprefix("policy."): v for k, v in given.items() if k.startswith("policy.")}
        others = {k: v for k, v in given.items() if not k.startswith("policy.")}
        policy = _policy(request.policy, of_policy, request.plugins)
        _check_keys(TrainPipelineConfig, others)
        _check_preset(others, type(policy))
        values = _nested(_defaults(request, root, output) | others)
        values["dataset"]["episodes"] = list(episodes)
        config = _decode(TrainPipelineConfig, values)
        _check_stream(config, root, episodes)
        config.policy = policy
        _set_inputs(config, request, root, mapped="normalization_mapping" in of_policy)
        return config


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
    }


def _video_backend() -> str:
    """Torchcodec if it really loads (it needs FFmpeg's libraries), else PyAV."""
    try:
        importlib.import_module("torchcodec")
    except (ImportError, OSError, RuntimeError):
        return "pyav"
    return "torchcodec"


def _check_stream(config: TrainPipelineConfig, root: Path, episodes: Sequence[int]) -> None:
    """LeRobot streams every episode (`datasets/streaming_dataset.py`, 0.6.1). Raises ConfigProblem."""
    rejected = load_info(root).total_episodes - len(episodes)
    if config.dataset.streaming and rejected > 0:
        raise ConfigProblem(
            f"--set dataset.streaming: LeRobot streams all episodes, and {rejected} of these are rejected: leave it off"
        )


# -- the policy -------------------------------------------------------------------------------------


def _policy(wanted: str, settings: Mapping[str, str], plugins: Sequence[str]) -> PreTrainedConfig:
    """A fresh policy of a registered type, or the pretrained one of a path or Hub id, with the operator's keys."""
    types = PreTrainedConfig.get_known_choices()
    base: dict[str, Any] = {}
    if wanted in types:
        kind = types[wanted]
    else:
        pretrained = _pretrained(wanted, tuple(types), plugins)
        kind, base = type(pretrained), draccus.encode(pretrained)
        base.pop("type", None)
        base["pretrained_path"] = wanted
    _check_keys(kind, settings, prefix="policy.", owner=f"policy {PreTrainedConfig.get_choice_name(kind)}")
    values = base | {"push_to_hub": False} | _nested(settings, "policy.")
    config: PreTrainedConfig = _decode(kind, values, prefix="policy.")
    return config


def _pretrained(wanted: str, types: Sequence[str], plugins: Sequence[str]) -> PreTrainedConfig:
    if "/" not in wanted:
        raise ConfigProblem(f"no policy {wanted!r} is registered, not even by a plug-in; there are {', '.join(types)}")
    local = Path(wanted) if Path(wanted).is_dir() else Path(snapshot_download(wanted, allow_patterns=["*.json"]))
    try:
        check_code(local, plugins)
    except ForeignCode as foreign:
        raise ConfigProblem(f"{wanted} is not loaded: {foreign}") from foreign
    config: PreTrainedConfig = PreTrainedConfig.from_pretrained(wanted)
    return config


def _set_inputs(config: TrainPipelineConfig, request: TrainRequest, root: Path, *, mapped: bool) -> None:
    """Leave cameras out of the policy's inputs, and normalize the environment's state.

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
                f"--exclude-cameras {unseen[0]}: {request.policy} does not look at that camera, so there is nothing to "
                f"leave out: it looks at {', '.join(policy.image_features) or 'no camera'}"
            )
        policy.input_features = {k: f for k, f in policy.input_features.items() if k not in own}
    elif left_out:
        every = dataset_to_policy_features(features)
        policy.input_features = {k: f for k, f in every.items() if k not in left_out and f.type.value != "ACTION"}
    modes = getattr(policy, "normalization_mapping", None)
    if modes and OBS_ENV_STATE in features and "ENV" not in modes and "STATE" in modes and not mapped:
        policy.normalization_mapping = {**modes, "ENV": modes["STATE"]}


def _keys_left_out(request: TrainRequest, features: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The feature keys of the cameras to leave out, each with its name. Raises ConfigProblem."""
    keys = camera_keys(features)
    unknown = [name for name in request.exclude_cameras if name not in keys]
    if unknown:
        raise ConfigProblem(f"--exclude-cameras {unknown[0]}: dataset {request.dataset} has {', '.join(keys)}")
    return {keys[name]: name for name in request.exclude_cameras}


def cameras_left_out(
    features: Mapping[str, Mapping[str, Any]], inputs: Collection[str], renames: Mapping[str, str]
) -> tuple[str, ...]:
    """The dataset's cameras that are not among a policy's inputs; `renames` lead to the policy's names."""
    return tuple(name for name, key in camera_keys(features).items() if renames.get(key, key) not in inputs)


# -- keys and values ----------------------------------------------------------------------------------


def _nested(settings: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """{"a.b": "1"} as {"a": {"b": 1}}; values are YAML, as on LeRobot's command line."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        try:
            values[key] = cfgparsing.parse_string(value)
        except Exception as error:  # PyYAML's errors have no base that draccus re-exports
            raise ConfigProblem(f"--set {prefix}{key}: {value!r} is not a value that LeRobot can read") from error
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
        near = difflib.get_close_matches(key, every, n=3)
        hint = f"; did you mean {' or '.join(prefix + name for name in near)}?" if near else ""
        raise ConfigProblem(f"--set {prefix}{key}: LeRobot's {owner} has no such key{hint}")


def _check_preset(settings: Mapping[str, str], policy: type) -> None:
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
            raise ConfigProblem(
                f"--set {key}: the policy's preset would replace it; {instead}, or set "
                "use_policy_training_preset=false with a whole optimizer and scheduler"
            )


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


def _decode(kind: type, values: dict[str, Any], *, prefix: str = "") -> Any:
    try:
        return draccus.decode(kind, values)
    except DraccusException as error:
        where = ".".join(getattr(error, "key_path", ()))
        reason = _first(error.__cause__ if isinstance(error, ParsingError) and error.__cause__ else error)
        raise ConfigProblem(f"--set {prefix}{where}: {reason}" if where else f"LeRobot refuses it: {reason}") from error


def _first(error: BaseException) -> str:
    """The error's message as one line, without the key that draccus puts in front."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Could not decode the value into any"):
        return lines[1]
    return lines[0] if lines else type(error).__name__

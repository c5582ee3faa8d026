"""Which keys LeRobot's configuration classes have, and those that a text has besides."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any

from lerobot.configs.train import TrainPipelineConfig

from services.near import did_you_mean
from services.workers.training.config_problem import ConfigProblem


def check_keys(given: Mapping[str, Any]) -> None:
    """Raises ConfigProblem if LeRobot's training has not all of the keys: it names each, with the nearest ones."""
    (first, near), *others = [*unknown_keys(given, TrainPipelineConfig)] or [("", "")]
    if not first:
        return
    if not others:
        raise ConfigProblem(f"LeRobot's {first.rpartition('.')[0] or 'training'} has no such key{near}", first)
    raise ConfigProblem(f"LeRobot has none of these keys: {listed([(first, near), *others])}", first)


def listed(keys: list[tuple[str, str]]) -> str:
    """Keys, each with the nearest ones in brackets."""
    return ", ".join(key + (f" ({near.removeprefix('; ')})" if near else "") for key, near in keys)


def unknown_keys(given: Mapping[str, Any], kind: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each dotted key that a configuration class and the groups in it do not have, and what `did_you_mean` says."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for key, value in given.items():
        if key not in names:
            yield prefix + key, did_you_mean(key, names, prefix)
            continue
        group = group_of(hints[key], value)
        if group is not None and isinstance(value, dict):
            own = {name: each for name, each in value.items() if name != "type" or not _is_choice(hints[key])}
            yield from unknown_keys(own, group, f"{prefix}{key}.")


def group_of(hint: Any, value: Any) -> type | None:
    """The configuration class of a key's value; None if the value is no group of keys."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, UnionType) else (hint,)
    for option in options:
        if isinstance(option, type) and dataclasses.is_dataclass(option):
            choices = getattr(option, "get_known_choices", None)
            if choices is None:
                return option
            return choices().get(value.get("type", "")) if isinstance(value, dict) else None
    return None


def _is_choice(hint: Any) -> bool:
    options = (hint, *typing.get_args(hint))
    return any(hasattr(option, "get_known_choices") for option in options)

"""A training's configuration in a file: one that was edited, or the `train_config.json` of any LeRobot run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.checkpoints.preprocessor import read_preprocessor
from services.refusal import Refusal
from services.text import clean
from services.training.config_text import TextProblem, parse
from services.training.owned import FIELDS

NAME = "train_config.json"
"""What LeRobot calls it, in a checkpoint's pretrained_model folder."""
POLICY = "config.json"
"""What LeRobot calls a policy's own configuration there."""
LARGEST = 1 << 22
"""Bytes; LeRobot's own have about 6,000."""
_WHOLE = ("steps", "batch_size", "log_freq", "save_freq", "held_out_every")


@dataclass(frozen=True)
class ConfigFile:
    """The `text` of a file, and what it says of the request's own fields and of the `policy`, as far as it does.

    `resize` is the (width, height) that its run brought pictures to: beside a checkpoint's policy that is known.
    """

    path: Path
    text: str
    policy: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    resize: tuple[int, int] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether its policy is a pretrained one."""
        return "/" in self.policy


def read(path: str) -> ConfigFile:
    """The configuration in this file, or in the `train_config.json` of this folder. Raises Refusal."""
    place = Path(path).expanduser()
    place = place / NAME if place.is_dir() else place
    try:
        if place.stat().st_size > LARGEST:
            raise Refusal(f"--config {path}: it is too large to be a configuration")
        text = place.read_text("utf-8")
        config = parse(text)
    except FileNotFoundError as error:
        if place.name == NAME and (policy := place.parent / POLICY).is_file():
            raise Refusal(f"--config {path}: {_no_training(policy)}") from error
        raise Refusal(f"--config {path}: there is no such file; --show-config prints one to begin with") from error
    except (OSError, UnicodeDecodeError) as error:
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise Refusal(f"--config {path}: it cannot be read: {why}") from error
    except TextProblem as problem:
        raise Refusal(f"--config {_at(path, problem.line)}: {problem.why}") from problem
    if _is_policy(config):
        raise Refusal(f"--config {path}: {_no_training(place)}")
    fields = {name: value for key, (name, *_) in FIELDS.items() if (value := _value(config, key)) is not None}
    for name, value in fields.items():
        number = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
        if not number:
            raise Refusal(f"--config {path}: {name} is not a number: {clean(repr(value))}")
    resize = read_preprocessor(place.parent).resize if place.name == NAME else None
    return ConfigFile(place, text, _policy(config), fields, resize)


def _is_policy(config: Mapping[str, Any]) -> bool:
    """Whether it is a policy's own configuration, as LeRobot keeps it beside the weights."""
    return "policy" not in config and isinstance(config.get("type"), str)


def _no_training(file: Path) -> str:
    """What a policy's configuration is, and what to give instead."""
    whole = file.parent / NAME
    there = f"--config {whole} has that of its training" if whole.is_file() else f"there is no {NAME} beside it"
    return (
        f"{file.name} is the configuration of a policy, not of a training: {there}; --policy {file.parent} goes on "
        "from the policy"
    )


def refused(path: str, key: str, line: int, reason: str) -> Refusal:
    """A configuration that LeRobot does not take, with the place in its file."""
    return Refusal(f"--config {_at(path, line)}: {f'{key}: ' if key else ''}{reason}")


def _at(path: str, line: int) -> str:
    return f"{path}, line {line}" if line else path


def _policy(config: Mapping[str, Any]) -> str:
    """The pretrained policy it went on from, else the type."""
    found = _value(config, "policy.pretrained_path") or _value(config, "policy.type")
    return found if isinstance(found, str) else ""


def _value(config: Mapping[str, Any], key: str) -> Any:
    found: Any = config
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found

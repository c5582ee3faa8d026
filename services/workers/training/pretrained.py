"""The configuration of a pretrained policy, as LeRobot reads it from a folder or from the Hub."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from draccus.utils import DraccusException
from huggingface_hub import snapshot_download
from lerobot.configs.policies import PreTrainedConfig

from services.checkpoints.checkpoint import CONFIG
from services.checkpoints.foreign_code import ForeignCode, check_code
from services.error_text import message
from services.workers.training.config_keys import listed, unknown_keys
from services.workers.training.config_problem import ConfigProblem


def pretrained(wanted: str, types: Sequence[str], plugins: Sequence[str]) -> PreTrainedConfig:
    """The configuration of the policy at a path or Hub id. Raises ConfigProblem, and what the Hub's client raises."""
    if "/" not in wanted:
        raise ConfigProblem(f"no policy {wanted!r} is registered, not even by a plug-in; there are {', '.join(types)}")
    local = Path(wanted) if Path(wanted).is_dir() else Path(snapshot_download(wanted, allow_patterns=["*.json"]))
    try:
        check_code(local, plugins)
    except ForeignCode as foreign:
        raise ConfigProblem(f"{wanted} is not loaded: {foreign}") from foreign
    file = local / CONFIG
    _check(file, types)
    try:
        with _no_temporary_files():
            config: PreTrainedConfig = PreTrainedConfig.from_pretrained(str(local))
    except DraccusException as error:
        raise ConfigProblem(f"{file}: this LeRobot refuses it: {message(error)}") from error
    return config


def _check(file: Path, types: Sequence[str]) -> None:
    """Raises ConfigProblem for what is no configuration, or has keys that this LeRobot's policy does not have."""
    try:
        given = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise ConfigProblem(f"{file} is missing: a pretrained policy has one") from error
    except (OSError, ValueError) as error:
        raise ConfigProblem(f"{file} cannot be read: {message(error)}") from error
    kind = given.get("type") if isinstance(given, dict) else None
    if kind not in types:
        names = f"{kind!r}" if kind else "no policy"
        raise ConfigProblem(f"{file} names {names} as its type; this LeRobot has {', '.join(types)}")
    own = {key: value for key, value in given.items() if key != "type"}
    if unknown := [*unknown_keys(own, PreTrainedConfig.get_choice_class(kind))]:
        raise ConfigProblem(
            f"{file} is of another LeRobot: policy {kind} of this one has no {listed(unknown)}; use it with the "
            "version that wrote it, or take these out of a copy if the policy works without them"
        )


@contextmanager
def _no_temporary_files() -> Iterator[None]:
    """`PreTrainedConfig.from_pretrained` leaves a copy of the configuration in the folder of temporary files."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="lab-console-") as own:
        tempfile.tempdir = own
        try:
            yield
        finally:
            tempfile.tempdir = before

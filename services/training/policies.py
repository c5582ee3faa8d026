"""The policies that can be trained: the types that the installed LeRobot registers, found without importing it."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata, util
from pathlib import Path

_REGISTERED = re.compile(r"""^@PreTrainedConfig\.register_subclass\(\s*["']([\w-]+)["']""", re.MULTILINE)
PLUGIN = "lerobot_policy_"
"""The prefix of distributions that register further types when imported (LeRobot: utils/import_utils.py)."""


@cache
def known() -> tuple[str, ...]:
    """The policy types of the installed LeRobot, sorted; empty if it is not installed.

    Read from the text of `policies/*/configuration_*.py`: importing them takes seconds and loads torch.
    """
    found = {name for path in _configurations() for name in _REGISTERED.findall(path.read_text("utf-8"))}
    return tuple(sorted(found))


def plugins() -> tuple[str, ...]:
    """Installed distributions that provide further policy types."""
    names = {name for d in metadata.distributions() if (name := d.metadata["Name"]) and name.startswith(PLUGIN)}
    return tuple(sorted(names))


def _configurations() -> list[Path]:
    spec = util.find_spec("lerobot")
    folders = spec.submodule_search_locations if spec is not None else None
    return sorted(p for folder in folders or () for p in Path(folder, "policies").glob("*/configuration_*.py"))

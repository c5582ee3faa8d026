"""The policies that can be trained: the types that the installed LeRobot registers, found without importing it."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata, util
from pathlib import Path

_REGISTERED = re.compile(r"""^@PreTrainedConfig\.register_subclass\(\s*["']([\w-]+)["']""", re.MULTILINE)
_REQUIRED = re.compile(r"""require_package\(\s*["']([\w.-]+)["']\s*,\s*extra=["']([\w-]+)["']""")
_SIZES = re.compile(r"^    (chunk_size|horizon|n_action_steps): int = ([\d_]+)\b", re.MULTILINE)
ONLY_SOMETIMES = ("peft",)
"""Packages that a policy needs for a way of training that is not chosen by its type (LoRA)."""
PLUGIN = "lerobot_policy_"
"""The prefix of distributions that register further types when imported (LeRobot: utils/import_utils.py)."""


@cache
def known() -> tuple[str, ...]:
    """The policy types of the installed LeRobot, sorted; empty if it is not installed.

    Read from the text of `policies/*/configuration_*.py`: importing them takes seconds and loads torch.
    """
    found = {name for path in _configurations() for name in _REGISTERED.findall(path.read_text("utf-8"))}
    return tuple(sorted(found))


@cache
def missing_extra(policy: str) -> str:
    """The extra of LeRobot that brings what a policy type needs and is not installed, such as `diffusion`; else "".

    Read from the calls of `require_package` in the policy's modules (LeRobot: utils/import_utils.py).
    """
    for path in _configurations():
        if policy in _REGISTERED.findall(path.read_text("utf-8")):
            found = (m for module in path.parent.glob("*.py") for m in _REQUIRED.findall(module.read_text("utf-8")))
            missing = [extra for package, extra in found if package not in ONLY_SOMETIMES and not _installed(package)]
            return missing[0] if missing else ""
    return ""


def default(policy: str, key: str) -> str:
    """The text that a key of a policy type's configuration has by default; empty if it has none."""
    value = re.compile(rf'^    {re.escape(key)}: str(?: \| None)? = "([^"]*)"', re.MULTILINE)
    texts = (path.read_text("utf-8") for path in _configurations())
    found = next((value.search(text) for text in texts if policy in _REGISTERED.findall(text)), None)
    return found[1] if found else ""


def install_command(extra: str) -> str:
    """The command that installs an extra of LeRobot, at the version that is installed."""
    return f"uv pip install 'lerobot[{extra}]=={metadata.version('lerobot')}'"


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def plugins() -> tuple[str, ...]:
    """Installed distributions that provide further policy types."""
    names = {name for d in metadata.distributions() if (name := d.metadata["Name"]) and name.startswith(PLUGIN)}
    return tuple(sorted(names))


def _configurations() -> list[Path]:
    spec = util.find_spec("lerobot")
    folders = spec.submodule_search_locations if spec is not None else None
    return sorted(p for folder in folders or () for p in Path(folder, "policies").glob("*/configuration_*.py"))


@cache
def chunk(policy: str) -> tuple[int, int]:
    """(actions predicted at once, actions of them carried out) by a policy type's defaults; 0 if it names none.

    Read from the fields of its configuration (LeRobot: policies/*/configuration_*.py).
    """
    for path in _configurations():
        text = path.read_text("utf-8")
        if policy in _REGISTERED.findall(text):
            sizes = {name: int(number.replace("_", "")) for name, number in _SIZES.findall(text)}
            return sizes.get("chunk_size", sizes.get("horizon", 0)), sizes.get("n_action_steps", 0)
    return 0, 0

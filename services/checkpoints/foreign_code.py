"""What a checkpoint would run when it is loaded, read from its JSON before any process loads it. No torch.

LeRobot 0.6.1 builds a saved processor from names (processor/pipeline.py, `_resolve_step_class`): a step is a registered
one, or any importable class, and `{"class": "os.system", "config": {"command": ...}}` is called as it stands. Some
policies and steps also load the code of a Hub repository that the checkpoint names (`trust_remote_code=True`). A
checkpoint may name LeRobot's own steps and repositories, and what `plugins` in lab.toml lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

from sessions.files import read_file

OURS = "lerobot"
_CLASS = re.compile(r"^class (\w+)(?:\[[^\]]*\])?\(([^)]*)\)", re.MULTILINE)
_STEP = re.compile(r"\w*ProcessorStep\b")
_REGISTERED = re.compile(r"""ProcessorStepRegistry\.register\(\s*(?:name\s*=\s*)?["']([\w.-]+)["']""")
_MODULE = re.compile(r"[A-Za-z_]\w*")

_REPOSITORIES: dict[tuple[str, str], frozenset[str]] = {
    ("pi0_fast", "action_tokenizer_name"): frozenset({"lerobot/fast-action-tokenizer", "physical-intelligence/fast"}),
    ("pi0_fast", "text_tokenizer_name"): frozenset({"google/paligemma-3b-pt-224"}),
    ("wall_x", "action_tokenizer_path"): frozenset({"lerobot/fast-action-tokenizer", "physical-intelligence/fast"}),
    ("gaussian_actor", "vision_encoder_name"): frozenset({"helper2424/resnet10"}),
    ("groot", "base_model_path"): frozenset({"nvidia/GR00T-N1.7-3B"}),
    ("action_tokenizer_processor", "action_tokenizer_name"): frozenset(
        {"lerobot/fast-action-tokenizer", "physical-intelligence/fast"}
    ),
    ("groot_n1_7_vlm_encode_v1", "model_name"): frozenset({"nvidia/Cosmos-Reason2-2B"}),
    ("reward_classifier_processor", "pretrained_path"): frozenset(),
    ("robometer_encoder", "base_model_id"): frozenset({"Qwen/Qwen3-VL-4B-Instruct"}),
    ("topreward_encoder", "vlm_name"): frozenset({"Qwen/Qwen3-VL-8B-Instruct"}),
    ("peft", "megatron_core"): frozenset({"megatron.core"}),
}
"""(policy or step, key): the names that LeRobot itself gives to what is loaded with its own code."""
_STEP_CLASSES = {
    "ActionTokenizerProcessorStep": "action_tokenizer_processor",
    "GrootN17VLMEncodeStep": "groot_n1_7_vlm_encode_v1",
    "RewardClassifierProcessorStep": "reward_classifier_processor",
    "RobometerEncoderProcessorStep": "robometer_encoder",
    "TOPRewardEncoderProcessorStep": "topreward_encoder",
}
"""The steps of that table, where they are named by their class."""
_POLICY, _ADAPTER = "config.json", "adapter_config.json"
_PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")


class ForeignCode(Exception):
    """A checkpoint that would run code from elsewhere; says which file names it, and what to do."""


@dataclass(frozen=True)
class _Steps:
    """The processor steps that a package brings: `registered` names, and classes by their dotted names."""

    registered: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()


def check_code(pretrained: Path, plugins: Collection[str] = ()) -> None:
    """Raises ForeignCode where loading the policy in this folder would run what is not LeRobot's or a plug-in's.

    `plugins` are the Python packages and Hub repositories that lab.toml trusts. Every JSON file beside the policy is
    looked at. A processor that cannot be read is refused, since another reader might make sense of it.
    """
    for path in sorted(pretrained.glob("*.json")):
        try:
            read = json.loads(read_file(path).decode())
        except (OSError, ValueError, RecursionError) as error:
            if path.name in _PROCESSORS:
                raise ForeignCode(f"{path.name} cannot be read as JSON ({error})") from error
            continue
        if not isinstance(read, Mapping):
            continue
        check_pipeline(read, path.name, plugins)
        owner = {_POLICY: str(read.get("type")), _ADAPTER: "peft"}.get(path.name)
        if owner is not None:
            _check_repositories(owner, read, path.name, plugins)


def check_pipeline(pipeline: Mapping[str, Any], source: str, plugins: Collection[str] = ()) -> None:
    """The same for one saved processor, read from the file called `source`; what is none passes."""
    steps = pipeline.get("steps")
    if not isinstance(steps, list):
        return
    for number, step in enumerate(steps, start=1):
        if isinstance(step, Mapping):
            _check_step(step, f"step {number} of {source}", plugins)


def _check_step(step: Mapping[str, Any], where: str, plugins: Collection[str]) -> None:
    """LeRobot looks at `registry_name` first, and at `class` only where that is not there at all."""
    if "registry_name" in step:
        name, kind = step["registry_name"], "step"
        known = any(name in steps.registered for steps in _known(plugins)) if isinstance(name, str) else False
    else:
        name, kind = step.get("class"), "class"
        known = any(name in steps.classes for steps in _known(plugins)) if isinstance(name, str) else False
    if not known:
        package = str(name).partition(".")[0] if kind == "class" else "PACKAGE"
        raise ForeignCode(
            f"{where} names the {kind} {name!r}, which is no processor step of LeRobot's or of a plug-in that lab.toml "
            f'lists: loading it would run that code, so nothing was loaded (plugins = ["{package}"] in lab.toml '
            "trusts a package)"
        )
    config = step.get("config")
    if isinstance(config, Mapping) and config.get("trust_remote_code", True):
        owner = name if kind == "step" else _STEP_CLASSES.get(str(name).rpartition(".")[2], "")
        _check_repositories(owner, config, where, plugins)


def _check_repositories(owner: str, config: Mapping[str, Any], where: str, plugins: Collection[str]) -> None:
    for (of, key), own in _REPOSITORIES.items():
        name = config.get(key) if of == owner else None
        if name and name not in own and name not in plugins:
            raise ForeignCode(
                f"{where}: {key} is {name!r}, whose own code LeRobot would run, so nothing was loaded "
                f'(plugins = ["{name}"] in lab.toml trusts it)'
            )


# -- what packages bring -------------------------------------------------------------------------------


def _known(plugins: Collection[str]) -> Iterator[_Steps]:
    yield _steps_of(OURS)
    for name in plugins:
        if _MODULE.fullmatch(name):
            yield _steps_of(name)


@cache
def _steps_of(package: str) -> _Steps:
    """Read from the package's text: importing it would run it, and takes seconds."""
    registered: set[str] = set()
    classes: set[str] = set()
    for module, path in _modules(package):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        registered.update(_REGISTERED.findall(text))
        classes.update(f"{module}.{name}" for name, bases in _CLASS.findall(text) if _STEP.search(bases))
    return _Steps(frozenset(registered), frozenset(classes))


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    """The package's modules with their files, by their dotted names."""
    spec = util.find_spec(package)  # of a top-level name: it imports nothing
    if spec is None:
        return
    for folder in spec.submodule_search_locations or ():
        for path in Path(folder).rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            inside = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join((package, *inside)), path
    if not spec.submodule_search_locations and spec.origin and spec.origin.endswith(".py"):
        yield package, Path(spec.origin)

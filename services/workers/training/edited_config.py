"""LeRobot's configuration of a training that has not begun, as the request has it and as the operator edited it.

What is edited becomes settings (`KEY=VALUE`, as `--set` has them) and fields of the request, and the configuration is
then built from these as the trainer builds it. So nothing is kept twice, a later LeRobot with other keys or defaults
still reads what was edited, and form, flags and text cannot disagree.
"""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TrainPipelineConfig, _migrate_legacy_rabc_fields

from services.error_text import whole_reason
from services.folders import DataFolder
from services.live.requests import TrainRequest
from services.training.config_text import dump, parse, setting
from services.training.owned import FIELDS, OWNED, owner_of
from services.training.preparation import Configured, Prepare
from services.workers.training import config as train_config
from services.workers.training.config_keys import check_keys, group_of
from services.workers.training.config_problem import ConfigProblem
from services.workers.training.demonstrations import choose_episodes
from services.workers.training.prepare import Prepared

NOWHERE = Path("/dev/null/nothing")
"""No folder, and none can be made there."""
DERIVED = ("optimizer", "scheduler")
"""Groups that the policy's own keys replace, unless `use_policy_training_preset` is off (configs/train.py)."""
_MISSING = object()
Config = dict[str, Any]


def prepared(question: Prepare, dropped: Callable[[], bool]) -> Prepared:
    """The training, ready to begin. Raises ConfigProblem, TextProblem, DatasetProblem, and what LeRobot raises."""
    _, _, chosen = choose_episodes(question.request)
    root = Path(question.request.dataset_root)

    def build(request: TrainRequest) -> TrainPipelineConfig:
        output = DataFolder(Path(request.data_dir)).trainings / request.name
        return _checked(train_config.build(request, root=root, output=output, episodes=chosen.episodes))

    request, text = question.request, question.text
    preset = build(msgspec.structs.replace(request, settings=())).to_dict()
    fields: dict[str, int | float] = {}
    passed_over: tuple[str, ...] = ()
    if text is None:
        with blaming(lambda: [*_keys_of(request.settings)]):
            config = build(request)
    else:
        edited = Edited(request, parse(text), preset, theirs=question.theirs)
        config, request, fields, passed_over = edited.applied(build)
    answer = Configured(
        number=question.number, text=dump(config.to_dict()), preset=dump(preset), settings=request.settings,
        fields=fields, passed_over=passed_over,
    )  # fmt: skip
    return Prepared(question.number, request, root, chosen.episodes, config, answer, dropped)


def _checked(config: TrainPipelineConfig) -> TrainPipelineConfig:
    """The configuration after LeRobot's own checks, which also fill in optimizer and schedule. Raises ConfigProblem."""
    with _no_arguments(), _no_folder(config):
        try:
            config.validate()
        except (ValueError, NotImplementedError) as error:
            raise ConfigProblem(f"LeRobot refuses it: {whole_reason(error)}") from error
    return config


@contextmanager
def _no_arguments() -> Iterator[None]:
    """`validate` reads the command line (configs/train.py)."""
    arguments, sys.argv = sys.argv, ["lerobot-train"]
    try:
        yield
    finally:
        sys.argv = arguments


@contextmanager
def _no_folder(config: TrainPipelineConfig) -> Iterator[None]:
    """`validate` refuses an output folder that exists; whether the run's name is free, the plan has checked."""
    output, config.output_dir = config.output_dir, NOWHERE
    try:
        yield
    finally:
        config.output_dir = output


class Edited:
    """A configuration that the operator wrote, `given`; the request alone, without settings, gives the `preset`."""

    def __init__(self, request: TrainRequest, given: Config, preset: Config, *, theirs: bool) -> None:
        self._request, self._preset, self._theirs = request, preset, theirs
        self._given: Config = _migrate_legacy_rabc_fields(given) or given
        self._passed_over: list[str] = []

    def applied(
        self, build: Callable[[TrainRequest], TrainPipelineConfig]
    ) -> tuple[TrainPipelineConfig, TrainRequest, dict[str, int | float], tuple[str, ...]]:
        """(the configuration, the request that gives it, fields of it that changed, keys that are ours)."""
        plain = self._theirs or not self._request.settings
        base = self._preset if plain else build(self._request).to_dict()
        self._give_ours(base)
        check_keys(self._given)
        wanted = self._decoded(base)
        fields = self._fields(wanted, base)
        settings = self._settings(wanted)
        if self._theirs:
            settings = _over(settings, self._request.settings)
        request = msgspec.structs.replace(self._request, settings=settings, **fields)
        with blaming(partial(self._edited_keys, base)):
            config = build(request)
        self._compare(wanted, base, config)
        return config, request, fields, tuple(self._passed_over)

    def _give_ours(self, base: Config) -> None:
        """Put in what the console sets. Raises ConfigProblem where the text has something else, unless it is theirs."""
        ours = [*OWNED, *FIELDS] if self._theirs else [*OWNED]
        for key in ours:
            own, text = at(base, key), at(self._given, key)
            if (own is _MISSING and text is _MISSING) or key in ("policy", "policy.path", "config_path"):
                continue
            if text is not _MISSING and text != own:
                self._pass_over(key, text, own)
            put(self._given, key, own)

    def _pass_over(self, key: str, text: Any, own: Any) -> None:
        owner = owner_of(key)
        assert owner is not None
        if not self._theirs:
            where = next((f"{key}.{name}" for name in _differing(text, own)), key)
            raise ConfigProblem(owner.in_form, where)
        if key == "policy.type":
            raise ConfigProblem(f"this configuration trains {text}, and the policy asked for is {own}", key)
        self._passed_over.append(key)

    def _decoded(self, base: Config) -> Config:
        """The text as LeRobot's parser understands it. Raises ConfigProblem."""
        given = dict(self._given)
        policy = given.pop("policy")
        kind = PreTrainedConfig.get_choice_class(policy["type"])
        own = {key: value for key, value in policy.items() if key != "type"}
        with blaming(partial(self._edited_keys, base)):
            decoded = train_config.decode(kind, own, prefix="policy.")
            config = train_config.decode(TrainPipelineConfig, given)
        config.policy = decoded
        found: Config = config.to_dict()
        return found

    def _edited_keys(self, base: Config) -> list[str]:
        return list(changes(TrainPipelineConfig, base, self._given))

    def _fields(self, wanted: Config, base: Config) -> dict[str, int | float]:
        """What the text changes of the request's own fields."""
        return {name: at(wanted, key) for key, (name, *_) in FIELDS.items() if at(wanted, key) != at(base, key)}

    def _settings(self, wanted: Config) -> tuple[str, ...]:
        found = changes(TrainPipelineConfig, self._preset, wanted)
        derived = wanted["use_policy_training_preset"]
        kept = {
            key: value for key, value in found.items()
            if owner_of(key) is None and not (derived and key.split(".")[0] in DERIVED)
        }  # fmt: skip
        if not derived:  # LeRobot demands both
            kept |= {key: wanted[key] for key in DERIVED}
        return tuple(setting(key, value) for key, value in kept.items())

    def _compare(self, wanted: Config, base: Config, config: TrainPipelineConfig) -> None:
        """Raises ConfigProblem where LeRobot would silently make something else of the text."""
        result = config.to_dict()
        for group in DERIVED if wanted["use_policy_training_preset"] else ():
            if wanted.get(group) in (None, base.get(group), self._preset.get(group), result.get(group)):
                wanted[group] = result.get(group)
                continue
            differing = [f"{group}.{name}" for name in _differing(wanted[group], result.get(group))]
            train_config.check_preset(dict.fromkeys(differing, ""), type(config.policy))
        stronger = _keys_of(self._request.settings) if self._theirs else ()
        for key, value in changes(TrainPipelineConfig, wanted, result).items():
            if not any(_same_or_within(key, other) for other in stronger):
                raise ConfigProblem(f"LeRobot makes {value!r} of {at(wanted, key)!r}", key)


@contextmanager
def blaming(keys: Callable[[], list[str]]) -> Iterator[None]:
    """Within this, a refusal without a key gets that of the `keys` which its reason names, or the only one."""
    try:
        yield
    except ConfigProblem as problem:
        if problem.key:
            raise
        own = keys()
        named = [key for key in own if re.search(rf"\b{re.escape(key.rpartition('.')[2])}\b", problem.why, re.I)]
        raise ConfigProblem(problem.why, named[0] if named else own[0] if len(own) == 1 else "") from problem


def _same_or_within(key: str, other: str) -> bool:
    """Whether one of two dotted keys is the other, or a key of it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _keys_of(settings: tuple[str, ...]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in settings)


def _over(settings: tuple[str, ...], stronger: tuple[str, ...]) -> tuple[str, ...]:
    """The settings with those that the operator gave besides the file, which count more."""
    keys = _keys_of(stronger)
    return (*(text for text in settings if text.split("=", 1)[0] not in keys), *stronger)


# -- keys ---------------------------------------------------------------------------------------------


def changes(kind: type, before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Config:
    """The dotted keys of a configuration that `after` has otherwise, each with its new value.

    A group is entered only as long as it is of the same kind in both. Optimizer and schedule are each one value, and
    so is a table of the operator's own names, such as `rename_map`.
    """
    found: Config = {}
    hints = typing.get_type_hints(kind)
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if value == old or key not in hints:
            continue
        group = group_of(hints[key], value)
        whole = group is None or not isinstance(value, dict) or not isinstance(old, dict)
        if whole or key in DERIVED or value.get("type") != old.get("type"):
            found[prefix + key] = value
        else:
            assert group is not None
            found |= changes(group, old, value, f"{prefix}{key}.")
    return found


def at(config: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key; _MISSING if there is none."""
    found: Any = config
    for name in key.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return _MISSING
        found = found[name]
    return found


def put(config: Config, key: str, value: Any) -> None:
    """Set a dotted key, or take it out."""
    *groups, last = key.split(".")
    for name in groups:
        inner = config.get(name)
        config[name] = dict(inner) if isinstance(inner, dict) else {}
        config = config[name]
    if value is _MISSING:
        config.pop(last, None)
    else:
        config[last] = value


def _differing(one: Any, other: Any) -> list[str]:
    """The names whose values differ in two groups; none if they are not both groups."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return []
    return [name for name in one if one[name] != other.get(name, _MISSING)]

"""A policy's saved processors: how they rename and normalize, and the features it was trained on. No torch.

LeRobot 0.6.1 writes a pipeline as JSON, and each step's tensors into a file beside it (processor/pipeline.py). The
first step renames observations to the policy's names (`rename_map` of the training, processor/rename_processor.py);
the normalizer keeps the statistics of each feature of the dataset, under the dataset's own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.checkpoints.safetensors import shapes
from sessions.files import read_file

PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
RENAMES = "rename_observations_processor"
RESIZES = "image_crop_resize_processor"
_AS_IT_IS, _ACTION = "IDENTITY", "ACTION"
NORMALIZES = "normalizer"
"""Occurs in the names of normalizing steps (`normalizer_processor`, `molmoact2_masked_normalizer`)."""


@dataclass(frozen=True)
class Normalizer:
    """The features that normalizing steps should change, and those that they have statistics for.

    LeRobot (processor/normalize_processor.py) leaves a feature without statistics as it is, without a word.
    """

    wanted: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Preprocessor:
    """`renames` maps the names of observations to the policy's. `learnt` holds the shapes of the dataset's features.

    The shapes are those of the statistics: (n,) for n values, (channels, 1, 1) for pictures. Empty if unknown.
    `resize` is the (width, height) that it brings pictures to, None if it leaves them as they are. `crops` are what it
    cuts out of a camera's pictures, (top, left, height, width) in pixels, by the policy's name for the camera.
    """

    renames: dict[str, str] = field(default_factory=dict)
    learnt: dict[str, tuple[int, ...]] = field(default_factory=dict)
    normalizer: Normalizer = Normalizer()
    resize: tuple[int, int] | None = None
    crops: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)


class _Step(msgspec.Struct):
    registry_name: str = ""
    config: dict[str, Any] = {}
    state_file: str | None = None


class _Pipeline(msgspec.Struct):
    steps: tuple[_Step, ...] = ()


class _Renaming(msgspec.Struct):
    rename_map: dict[str, str] = {}


class _Resizing(msgspec.Struct):
    resize_size: tuple[int, int] | None = None
    crop_params_dict: dict[str, tuple[int, int, int, int]] | None = None


class _Feature(msgspec.Struct):
    type: str


class _Normalizing(msgspec.Struct):
    features: dict[str, _Feature] = {}
    norm_map: dict[str, str] = {}
    normalize_observation_keys: frozenset[str] | None = None

    @property
    def wanted(self) -> frozenset[str]:
        """The features with a mode other than IDENTITY; of observations, those that are chosen."""
        chosen = self.normalize_observation_keys
        return frozenset(
            name
            for name, feature in self.features.items()
            if self._changes(feature.type) and (chosen is None or feature.type == _ACTION or name in chosen)
        )

    @property
    def actions(self) -> frozenset[str]:
        """What an unnormalizing step changes: the action, whatever features it names."""
        return frozenset({"action"} if self._changes(_ACTION) else ())

    def _changes(self, kind: str) -> bool:
        return self.norm_map.get(kind, _AS_IT_IS) != _AS_IT_IS


def read_preprocessor(pretrained: Path) -> Preprocessor:
    """The preprocessor beside a policy; an empty one if it cannot be read, which the policy's process then reports."""
    try:
        steps = msgspec.json.decode(read_file(pretrained / PREPROCESSOR), type=_Pipeline).steps
        renamings = [msgspec.convert(s.config, _Renaming).rename_map for s in steps if s.registry_name == RENAMES]
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Preprocessor()
    files = [s.state_file for s in steps if s.state_file and NORMALIZES in s.registry_name]
    return Preprocessor(
        renames=next(iter(renamings), {}),
        learnt=_learnt(pretrained / Path(files[0]).name) if files else {},
        normalizer=_normalizer(pretrained, steps),
        resize=_resize(steps),
        crops={key: crop for step in _resizing(steps) for key, crop in (step.crop_params_dict or {}).items()},
    )


def _resize(steps: Iterable[_Step]) -> tuple[int, int] | None:
    """The (width, height) of the last step that resizes; the step itself has (height, width)."""
    found = next((step.resize_size for step in reversed([*_resizing(steps)]) if step.resize_size), None)
    return (found[1], found[0]) if found else None


def _resizing(steps: Iterable[_Step]) -> Iterator[_Resizing]:
    for step in steps:
        if step.registry_name == RESIZES:
            with suppress(msgspec.MsgspecError):
                yield msgspec.convert(step.config, _Resizing)


def read_unnormalizer(pretrained: Path) -> Normalizer:
    """What the postprocessor beside a policy turns back into the robot's units; empty if it cannot be read."""
    try:
        steps = msgspec.json.decode(read_file(pretrained / POSTPROCESSOR), type=_Pipeline).steps
        return _normalizer(pretrained, steps)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Normalizer()


def _normalizer(pretrained: Path, steps: Iterable[_Step]) -> Normalizer:
    """Both sides of all normalizing steps; a step whose configuration is its own is left to LeRobot."""
    wanted: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    for step in steps:
        if NORMALIZES not in step.registry_name:
            continue
        with suppress(msgspec.MsgspecError):
            config = msgspec.convert(step.config, _Normalizing)
            wanted |= config.actions if step.registry_name.startswith("un") else config.wanted
        if step.state_file:
            known |= _learnt(pretrained / Path(step.state_file).name).keys()
    return Normalizer(wanted, known)


def _learnt(statistics: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each feature's `FEATURE.mean`, `FEATURE.std` and so on; `FEATURE.count` has another."""
    named = [(*name.rpartition("."), shape) for name, shape in shapes(statistics).items()]
    return {feature: shape for feature, _, statistic, shape in named if feature and statistic != "count"}

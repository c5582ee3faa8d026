"""A policy's saved preprocessor: how it renames observations, and the features that it was trained on. No torch.

LeRobot 0.6.1 writes a pipeline as JSON, and each step's tensors into a file beside it (processor/pipeline.py). The
first step renames observations to the policy's names (`rename_map` of the training, processor/rename_processor.py);
the normalizer keeps the statistics of each feature of the dataset, under the dataset's own names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services.checkpoints.safetensors import shapes

PREPROCESSOR = "policy_preprocessor.json"
RENAMES = "rename_observations_processor"
NORMALIZES = "normalizer"
"""Occurs in the names of normalizing steps (`normalizer_processor`, `molmoact2_masked_normalizer`)."""


@dataclass(frozen=True)
class Preprocessor:
    """`renames` maps the names of observations to the policy's. `learnt` holds the shapes of the dataset's features.

    The shapes are those of the statistics: (n,) for n values, (channels, 1, 1) for pictures. Empty if unknown.
    """

    renames: dict[str, str] = field(default_factory=dict)
    learnt: dict[str, tuple[int, ...]] = field(default_factory=dict)


class _Step(msgspec.Struct):
    registry_name: str = ""
    config: dict[str, Any] = {}
    state_file: str | None = None


class _Pipeline(msgspec.Struct):
    steps: tuple[_Step, ...] = ()


class _Renaming(msgspec.Struct):
    rename_map: dict[str, str] = {}


def read_preprocessor(pretrained: Path) -> Preprocessor:
    """The preprocessor beside a policy; an empty one if it cannot be read, which the policy's process then reports."""
    try:
        steps = msgspec.json.decode((pretrained / PREPROCESSOR).read_bytes(), type=_Pipeline).steps
        renamings = [msgspec.convert(s.config, _Renaming).rename_map for s in steps if s.registry_name == RENAMES]
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Preprocessor()
    files = [s.state_file for s in steps if s.state_file and NORMALIZES in s.registry_name]
    return Preprocessor(
        renames=next(iter(renamings), {}),
        learnt=_learnt(pretrained / Path(files[0]).name) if files else {},
    )


def _learnt(statistics: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each feature's `FEATURE.mean`, `FEATURE.std` and so on; `FEATURE.count` has another."""
    named = [(*name.rpartition("."), shape) for name, shape in shapes(statistics).items()]
    return {feature: shape for feature, _, statistic, shape in named if feature and statistic != "count"}

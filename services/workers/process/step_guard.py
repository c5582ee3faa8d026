"""Stands in LeRobot's way where it would build a processor step that a checkpoint names and nobody trusts.

The console reads a checkpoint's JSON before any process loads it (`services.checkpoints.foreign_code`). This is the
last place, for what comes from the Hub meanwhile, or by a way that nobody thought of.

Hooked in LeRobot 0.6.1, `processor/pipeline.py`: `DataProcessorPipeline._build_steps_from_config`, the only place that
turns names into steps (a seam test watches it).
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from importlib import util
from typing import Any

from services.checkpoints.foreign_code import check_pipeline


def guard_steps(plugins: Collection[str] = ()) -> None:
    """From now on this process builds LeRobot's steps and those of `plugins` only; these are imported, to be known.

    A pipeline with another step raises ForeignCode.
    """
    from lerobot.processor.pipeline import DataProcessorPipeline

    for name in plugins:
        if name.isidentifier() and util.find_spec(name) is not None:
            importlib.import_module(name)
    build = getattr(DataProcessorPipeline, "_unguarded_build", None) or DataProcessorPipeline._build_steps_from_config
    DataProcessorPipeline._unguarded_build = build

    def _build_steps_from_config(loaded_config: dict[str, Any], overrides: dict[str, Any]) -> Any:
        check_pipeline(loaded_config, "the processor", plugins)
        return build(loaded_config, overrides)

    DataProcessorPipeline._build_steps_from_config = staticmethod(_build_steps_from_config)

"""Whether several policies stay loaded: the memory that there is against what their weights take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from services.checkpoints.checkpoint import ADAPTER, WEIGHTS, Checkpoint
from services.workers.training import host_memory
from services.workers.training.machine import Gpu

PROCESS = 900 << 20
"""Bytes of a policy's process without its weights (README: about 850 MB)."""
COPIES = 2
"""A policy's file is read while its model is made."""
CONTEXT, ACTIVATIONS = 600 << 20, 1.3
"""Bytes that a process takes on a GPU by itself, and what a policy takes there of its weights' size."""
MARGIN = 2 << 30
"""Bytes that stay free: for cameras, encoders and the operator's own programs."""
KEEP = "LAB_CONSOLE_KEEP_POLICIES"
"""0 in this variable: only one policy is loaded at a time."""


def stay_loaded(checkpoints: Iterable[Checkpoint], *, served: bool = False) -> bool:
    """Whether all of them can be loaded at once on this machine now; where one is `served`, LeRobot's server has it."""
    sizes = [weights(each.path) for each in checkpoints if not each.scripted]
    if len(sizes) < 2:
        return True
    if served:  # the server holds one policy, and whoever asked for another one is answered by that
        return False
    if os.environ.get(KEEP) == "0":
        return False
    return enough(sizes, host_memory.available(), gpu_free())


def enough(sizes: list[int], free: int, on_gpu: int | None) -> bool:
    """Whether policies of these `sizes` fit: bytes of weights, free memory, and free GPU memory (None: no GPU)."""
    fits = sum(PROCESS + COPIES * size for size in sizes) + MARGIN <= free
    return fits and (on_gpu is None or sum(CONTEXT + ACTIVATIONS * size for size in sizes) <= on_gpu)


def weights(pretrained: Path) -> int:
    """Bytes of a policy's weights, 0 where they cannot be seen."""
    for name in (WEIGHTS, ADAPTER):
        with suppress(OSError):
            return (pretrained / name).stat().st_size
    return 0


def gpu_free() -> int | None:
    """Free bytes of the GPU that policies are loaded on; None where there is none, or nobody can say."""
    memory = Gpu("cuda").ask("GetMemoryInfo")
    return int(memory.free) if memory else None

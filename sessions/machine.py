"""The machine that trains: what it is, and what it is busy with. Sizes in bytes."""

from __future__ import annotations

import msgspec


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine has; `gpu` is the one that trains, empty without one. 0 and empty: unknown."""

    processor: str = ""
    cores: int = 0
    memory: int = 0
    gpu: str = ""
    gpu_memory: int = 0


class MachineLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What it is busy with, whoever keeps it so. Loads are shares, 0..1; None is what nobody can tell.

    `cpu` is the mean of all cores since the last time, `disk_free` is where the checkpoints go.
    """

    cpu: float
    memory_used: int
    memory: int
    disk_free: int | None = None
    gpu: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory: int | None = None
    gpu_celsius: float | None = None
    gpu_watts: float | None = None

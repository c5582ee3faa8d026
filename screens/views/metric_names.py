"""What a logged metric is called on the screen, in which unit, and in which order metrics are offered. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from screens.views.signs import clean
from services.units import value

DRAWN = ("loss", "lr", "grad_norm", "smoothed", "samples", "epochs")
"""Metrics that are drawn anyway, or that are an axis."""
COMMON = {
    "update_s": "update", "dataloading_s": "waiting for data", "samples_per_s": "samples a second",
    "gpu_mem_gb": "GPU memory",
}  # fmt: skip
"""LeRobot's own metrics of every policy."""
OWN = {
    "cpu_load": "load of the cores", "item_s": "loading an item", "item_cpu_s": "computing in that",
    "item_queue_s": "waiting for a core in that", "decode_s": "decoding in that", "decodes": "frames decoded an item",
    "save_s": "saving", "other_s": "all else",
}  # fmt: skip
"""The console's own (`services.training.bottleneck.Figure`)."""
UNITS = {"_s": " s", "_gb": " GB"}
"""Units by what a name ends with."""


def title(metric: str) -> str:
    """What it is called: a policy's own metric by its own name."""
    return COMMON.get(metric) or OWN.get(metric) or clean(metric, 32)


def shown(metric: str, number: float) -> str:
    """A value with its unit."""
    if metric == "cpu_load":
        return f"{number:.0%}"
    unit = "" if metric == "samples_per_s" else next((u for end, u in UNITS.items() if metric.endswith(end)), "")
    return f"{value(number)}{unit}"


def offered(logged: Iterable[str]) -> list[str]:
    """The metrics that can be drawn besides: the policy's first, then LeRobot's, then the console's."""
    there = {name for name in logged if name not in DRAWN}
    known = [name for name in (*COMMON, *OWN) if name in there]
    return [*sorted(there - {*known}), *known]

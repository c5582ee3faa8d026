"""What a training step spends its time on, which of it is the bottleneck, and what would make it shorter. Pure.

The figures are means over a log window, of saving and all else over all steps so far, by the names in metrics.jsonl:
LeRobot's `update_s` and `dataloading_s` (scripts/lerobot_train.py), and the console's own of
`services.workers.training.loading` and `window`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.units import plural

WORTH = 0.2
"""Share of a step below which data, saving or evaluation is not worth a change."""
BLOCKED = 0.5
"""Share of an item's loading above which what it waits for, the disk or a core, is the cause."""
IDLE_CORE = 0.6
"""Cores without work at which one more loader process would find a free one."""


class Figure(StrEnum):
    """The console's own figures in metrics.jsonl: seconds per item in a loader process, or per step."""

    ITEM_S = "item_s"
    """Loading one item, from the request to the item."""
    ITEM_CPU_S = "item_cpu_s"
    """The processor's time of that."""
    ITEM_QUEUE_S = "item_queue_s"
    """Waiting for a core, of that; 0 where the kernel does not say."""
    DECODE_S = "decode_s"
    """Decoding video, of that."""
    DECODES = "decodes"
    """Video frames decoded per item."""
    SAVE_S = "save_s"
    """Saving checkpoints, per step."""
    OTHER_S = "other_s"
    """All else per step, of which held-out evaluation is the most."""
    CPU_LOAD = "cpu_load"
    """Share of all cores that computed, 0..1, whoever used them."""


class Cause(StrEnum):
    """What takes so long."""

    UPDATE = "update"
    DECODING = "decoding"
    READING = "reading"
    """Loading items without decoding video: rows, images in files."""
    LOADERS = "loaders"
    """Too few processes load."""
    CORES = "cores"
    """The cores are busy with something else."""
    DISK = "disk"
    DATA = "data"
    """Data, for a reason that was not measured."""
    SAVING = "saving"
    EVALUATION = "evaluation"


@dataclass(frozen=True)
class Remedy:
    """What to change, and the seconds per step that it would save, about; 0 where nobody can tell."""

    change: str
    saves_s: float = 0.0


@dataclass(frozen=True)
class StepCost:
    """Mean seconds of a step by what they went to, and how the data was loaded. 0: unknown, but for `loaders`."""

    update_s: float
    waits_s: float
    save_s: float = 0.0
    other_s: float = 0.0
    batch: int = 0
    loaders: int = 0
    """Processes that load; 0 if the trainer loads between its steps."""
    cores: int = 0
    cameras: int = 0
    """Cameras that the policy looks at."""
    item_s: float = 0.0
    item_cpu_s: float = 0.0
    item_queue_s: float = 0.0
    decode_s: float = 0.0
    decodes: float = 0.0
    cpu_load: float = 0.0
    save_every: int = 0
    evaluate_every: int = 0

    @property
    def total_s(self) -> float:
        """Seconds of a step."""
        return self.update_s + self.waits_s + self.save_s + self.other_s


@dataclass(frozen=True)
class Bottleneck:
    """The part of a step that takes the longest (or is worth a change), and what would make it shorter, best first."""

    cause: Cause
    seconds: float
    total_s: float
    because: str
    remedies: tuple[Remedy, ...] = ()

    @property
    def share(self) -> float:
        """Of a step, 0..1."""
        return self.seconds / self.total_s if self.total_s else 0.0


def step_cost(
    metrics: Mapping[str, float], config: Mapping[str, Any], *, cores: int = 0, cameras: int = 0
) -> StepCost | None:
    """The figures of a training, from its last logged `metrics` and LeRobot's `config`; None before the first."""
    update, waits = metrics.get("update_s"), metrics.get("dataloading_s")
    if update is None or waits is None or update + waits <= 0:
        return None
    known = {figure.value: max(0.0, metrics.get(figure, 0.0)) for figure in Figure}
    return StepCost(
        update_s=update, waits_s=waits, cores=cores, cameras=cameras, batch=_count(config, "batch_size"),
        loaders=_count(config, "num_workers"), save_every=_count(config, "save_freq"),
        evaluate_every=_count(config, "eval_steps"), **known,
    )  # fmt: skip


def _count(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) else 0


def bottleneck(cost: StepCost) -> Bottleneck:
    """What takes the longest of a step. The update, unless something else is worth a change."""
    others = {Cause.DATA: cost.waits_s, Cause.SAVING: cost.save_s, Cause.EVALUATION: cost.other_s}
    cause = max(others, key=lambda each: others[each])
    seconds = others[cause]
    if seconds < WORTH * cost.total_s:
        return _update(cost)
    return {Cause.DATA: _data, Cause.SAVING: _saving, Cause.EVALUATION: _evaluation}[cause](cost)


def _update(cost: StepCost) -> Bottleneck:
    because = "the policy computes, data is there in time"
    remedies = (Remedy("smaller images (resize) or a smaller policy, or a faster device"),)
    return Bottleneck(Cause.UPDATE, cost.update_s, cost.total_s, because, remedies)


def _saving(cost: StepCost) -> Bottleneck:
    every = f" every {cost.save_every:,} steps" if cost.save_every else ""
    remedy = Remedy(
        f"saving every {2 * cost.save_every:,} steps" if cost.save_every else "fewer checkpoints", cost.save_s / 2
    )
    return Bottleneck(Cause.SAVING, cost.save_s, cost.total_s, f"a checkpoint is saved{every}", (remedy,))


def _evaluation(cost: StepCost) -> Bottleneck:
    if not cost.evaluate_every:
        return Bottleneck(Cause.EVALUATION, cost.other_s, cost.total_s, "between the steps, for no measured reason")
    because = f"the held-out loss is computed every {cost.evaluate_every:,} steps"
    remedy = Remedy(f"measuring every {2 * cost.evaluate_every:,} steps, or max_eval_samples", cost.other_s / 2)
    return Bottleneck(Cause.EVALUATION, cost.other_s, cost.total_s, because, (remedy,))


# -- waiting for data ---------------------------------------------------------------------------------


def _data(cost: StepCost) -> Bottleneck:
    cause, because, remedies = _why_data_is_late(cost)
    return Bottleneck(cause, cost.waits_s, cost.total_s, because, remedies)


def _why_data_is_late(cost: StepCost) -> tuple[Cause, str, tuple[Remedy, ...]]:
    if not cost.item_s:
        return Cause.DATA, "why was not measured", (Remedy("more num_workers"), Remedy("a camera less"))
    idle = cost.cores * (1 - cost.cpu_load)
    idle_share = 1 - min(1.0, cost.item_cpu_s / cost.item_s)  # decoding in threads computes while its caller waits
    queued = min(idle_share, cost.item_queue_s / cost.item_s)
    blocked = idle_share - queued
    if blocked > BLOCKED and (idle >= IDLE_CORE or queued):
        waits = f"loading an item waits {blocked:.0%} of its time".replace("%", " %")
        remedies = (Remedy("the dataset on a faster disk, or more free memory to keep it in"), *_more_loaders(cost, 0))
        return Cause.DISK, f"{waits} for the disk", remedies
    if max(queued, blocked) > BLOCKED:  # a kernel that does not count the queue calls it blocked
        queued = max(queued, blocked)
        because = f"the cores are busy, and what loads waits {queued:.0%} of its time for one".replace("%", " %")
        return Cause.CORES, because, (Remedy("nothing else on this machine meanwhile"), Remedy("fewer num_workers"))
    if not cost.loaders or idle >= IDLE_CORE:
        who = "nothing is loaded while the policy computes"
        if cost.loaders:
            who = f"{_processes(cost, 'loads', 'load')}, and cores are free"
        return Cause.LOADERS, who, (*_more_loaders(cost, idle), *_less_decoding(cost))
    if cost.decode_s > BLOCKED * cost.item_s:
        busy = f"{_processes(cost, 'decodes', 'decode')} without a break"
        return Cause.DECODING, f"{busy}, {_frames(cost)} an item", _less_decoding(cost)
    because = f"{_processes(cost, 'reads', 'read')} without a break" + (", little of it video" if cost.decodes else "")
    images = (Remedy("smaller images"),) if cost.cameras else ()
    return Cause.READING, because, (*images, Remedy("a faster processor"))


def _processes(cost: StepCost, one_does: str, many_do: str) -> str:
    return f"{plural(cost.loaders, 'process', 'processes')} {one_does if cost.loaders == 1 else many_do}"


def _frames(cost: StepCost) -> str:
    return f"{cost.decodes:.3g} frames" if cost.decodes != 1 else "one frame"


def _more_loaders(cost: StepCost, idle: float) -> tuple[Remedy, ...]:
    """One more process for each idle core, and what a step would wait then: items come that much faster."""
    more = max(1, int(idle + 1 - IDLE_CORE))
    return (Remedy(f"num_workers={cost.loaders + more}", _saved(cost, cost.item_s, cost.loaders + more)),)


def _less_decoding(cost: StepCost) -> tuple[Remedy, ...]:
    """A camera less, if there are several; images that are decoded faster."""
    if not cost.decode_s:
        return ()
    remedies = [Remedy("smaller images, or keyframes closer together")]
    if cost.decodes > 1:
        left = cost.item_s - cost.decode_s / cost.decodes
        remedies.insert(0, Remedy("a camera less", _saved(cost, max(0.0, left), cost.loaders)))
    return tuple(remedies)


def _saved(cost: StepCost, item_s: float, loaders: int) -> float:
    """Seconds per step that are saved if an item takes so long and so many processes load.

    Loaders work while the policy computes: a step takes the longer of both. What was measured scales the estimate,
    since not all of a wait is loading.
    """
    now, then = _wait(cost, cost.item_s, cost.loaders), _wait(cost, item_s, loaders)
    return max(0.0, cost.waits_s * (1 - then / now)) if now > 0 else 0.0


def _wait(cost: StepCost, item_s: float, loaders: int) -> float:
    if not loaders:
        return cost.batch * item_s
    return max(0.0, cost.batch * item_s / loaders - cost.update_s)


# -- in words -------------------------------------------------------------------------------------------

_WHAT = {Cause.UPDATE: "the update", Cause.SAVING: "saving", Cause.EVALUATION: "evaluation"}


def short(found: Bottleneck) -> str:
    """What it is, where the seconds stand beside it already: `data is the bottleneck`; less than half is none."""
    what = _WHAT.get(found.cause, "data")
    return f"{what} is the bottleneck" if found.share >= 0.5 else f"steps wait for {what}"


def sentence(found: Bottleneck) -> str:
    """`Data is the bottleneck, 56 % of a step (0.95 of 1.70 s): ... Try a camera less (a step about 30 % shorter).`"""
    what = short(found)
    return f"{what[:1].upper()}{what[1:]}, {part(found)}: {found.because}. {advice(found)}".strip()


def part(found: Bottleneck) -> str:
    """`56 % of a step (0.95 of 1.70 s)`."""
    return f"{found.share:.0%} of a step ({seconds(found.seconds)} of {seconds(found.total_s)} s)".replace("%", " %", 1)


def advice(found: Bottleneck) -> str:
    """What to change, and what it would gain."""
    texts = tries(found)
    return f"Try {', or '.join(texts[:2])}." if texts else ""


def tries(found: Bottleneck) -> list[str]:
    """Each remedy with its gain, best first: `num_workers=4 (a step about 51 % shorter)`."""
    return [_with_gain(remedy, found.total_s) for remedy in found.remedies]


def _with_gain(remedy: Remedy, total_s: float) -> str:
    if remedy.saves_s <= 0.02 * total_s:
        return remedy.change
    return f"{remedy.change} (a step about {remedy.saves_s / total_s:.0%} shorter)".replace("%", " %", 1)


def seconds(value: float) -> str:
    """`0.95`, `0.012`: two digits that count."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"

"""The common form of what any source logs: runs, their points, and what is known of them besides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

from services.training.resumptions import Resumption

LONGEST = 48
"""Characters of a metric's name, which comes from outside."""
NAMES = {
    "grdn": "grad_norm", "gradient_norm": "grad_norm", "updt_s": "update_s", "dataloading_s": "data_s",
    "smp/s": "samples_per_s", "mem_gb": "gpu_mem_gb", "learning_rate": "lr", "train_loss": "loss", "epch": "epochs",
    "∑rwrd": "avg_sum_reward", "success": "pc_success",
}  # fmt: skip
"""The one name of a metric, by those that logs, TensorBoard and W&B use for it."""
MOST_METRICS = 100
"""Metrics of a run that are kept: their names come from outside."""
MOST = 2**53
"""Steps and samples beyond which a number from outside is damage."""


def known_as(name: str) -> str:
    """The one name of a metric: `train/grdn` is `grad_norm`, `eval/loss` is `eval_loss`; others keep theirs."""
    if name in NAMES or "/" not in name:
        return NAMES.get(name, name)[:LONGEST]
    parts = [part for part in name.split("/") if part]
    held_out = any(part.lower() in ("eval", "val", "valid", "validation", "test") for part in parts)
    plain = [NAMES.get(part.lower(), part) for part in parts if part.lower() not in TRAINING | HELD_OUT]
    if len(plain) != 1:
        return name[:LONGEST]
    one = plain[0].lower() if plain[0].lower() in ("loss", "lr") else plain[0]
    return (f"eval_{one}" if held_out and not one.startswith("eval") else one)[:LONGEST]


TRAINING = frozenset({"train", "training", "metrics"})
HELD_OUT = frozenset({"eval", "val", "valid", "validation", "test"})


class End(StrEnum):
    """How a run ended, as far as what it left says so."""

    NONE = ""
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(slots=True)
class Point:
    """One log point. `samples` is None if unknown, `at` (Unix seconds) 0; `metrics` may hold NaN and infinity."""

    step: int
    exact: bool
    samples: int | None
    at: float
    metrics: dict[str, float]


class Points:
    """The points of a run, as columns: hundreds of thousands of small objects would cost time and memory.

    Only appended to: what reads them may run in another thread, up to the length that it saw. `resumed` is where the
    run went on before the first of them was made: what it makes again is in none of them.
    """

    def __init__(self, resumed: tuple[Resumption, ...] = ()) -> None:
        self.resumed = resumed
        self.steps: list[int] = []
        self.exact: list[bool] = []
        self.samples: list[int | None] = []
        self.at: list[float] = []
        self._metrics: dict[str, list[float | None]] = {}
        """Each as long as up to the last point that has it."""

    def append(self, step: int, exact: bool, samples: int | None, at: float, metrics: Mapping[str, float]) -> None:
        """Add a point; of metrics that no point before had, as many as there is room for."""
        count = len(self.steps)
        for name, value in metrics.items():
            column = self._column(name, count)
            if column is not None:
                column.append(value)
        self.exact.append(exact)
        self.samples.append(samples)
        self.at.append(at)
        self.steps.append(step)  # last: it is the length

    def extend(
        self, steps: list[int], samples: list[int | None], at: list[float], metrics: Mapping[str, list[float]]
    ) -> None:
        """Add many points, whose steps are exact, as columns of one length."""
        count = len(self.steps)
        for name, values in metrics.items():
            column = self._column(name, count)
            if column is not None:
                column.extend(values)
        self.exact += [True] * len(steps)
        self.samples += samples
        self.at += at
        self.steps += steps

    def until(self, step: int, at: float) -> Points:
        """The points of a run that goes on after `step`, since `at`. These stay as they are, for who reads them."""
        reached = max(step, self.steps[-1]) if self.steps else step
        made, count = Points((*self.resumed, Resumption(step, reached, at))), bisect_right(self.steps, step)
        made.exact, made.samples, made.at = self.exact[:count], self.samples[:count], self.at[:count]
        made._metrics = {name: column[:count] for name, column in self._metrics.items()}
        made.steps = self.steps[:count]
        return made

    def still(self, count: int, resumed: int) -> int:
        """How many of the first `count` points, read when there were `resumed` resumptions, are still there."""
        return min(count, *(bisect_right(self.steps, each.step) for each in self.resumed[resumed:]), len(self.steps))

    def _column(self, name: str, count: int) -> list[float | None] | None:
        """The column of a metric, filled up to this length; None for one too many."""
        column = self._metrics.get(name)
        if column is None:
            if len(self._metrics) >= MOST_METRICS:
                return None
            column = self._metrics[name] = []
        if len(column) < count:
            column += [None] * (count - len(column))
        return column

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Point:
        index = range(len(self.steps))[index]
        metrics = {name: value for name, column in list(self._metrics.items())
                   if index < len(column) and (value := column[index]) is not None}  # fmt: skip
        return Point(self.steps[index], self.exact[index], self.samples[index], self.at[index], metrics)

    def since(self, index: int) -> Iterator[Point]:
        """The points from this index on."""
        return (self[each] for each in range(index, len(self)))

    @property
    def logged(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(self._metrics)

    def column(self, name: str, start: int, end: int) -> list[float | None]:
        """A metric of the points from `start` to before `end`; None where a point has no such metric."""
        found = self._metrics.get(name, [])[start:end]
        return found + [None] * (end - start - len(found))


@dataclass
class Facts:
    """What is known of a run besides its points; 0 or empty where it is not."""

    steps: int = 0
    batch_size: int = 0
    log_freq: int = 0
    save_freq: int = 0
    frames: int = 0
    episodes: int = 0
    parameters: int = 0
    policy: str = ""
    dataset: str = ""
    device: str = ""
    output_dir: str = ""
    config: dict[str, Any] = field(default_factory=dict)

    def learn(self, config: Mapping[str, Any]) -> None:
        """Take what LeRobot's configuration says, of any version."""
        config = self.config = plain(config)
        older = config.get("training")
        part = older if isinstance(older, Mapping) else config
        self.steps = _count(part, "steps") or _count(part, "offline_steps") or self.steps
        for name in ("batch_size", "log_freq", "save_freq"):
            setattr(self, name, _count(part, name) or getattr(self, name))
        policy, dataset = config.get("policy"), config.get("dataset")
        self.policy = _text(policy, "type") or _text(policy, "name") or self.policy
        self.device = _text(policy, "device") or _text(config, "device") or self.device
        self.dataset = _text(dataset, "repo_id") or _text(config, "dataset_repo_id") or self.dataset
        self.output_dir = _text(config, "output_dir") or self.output_dir


def plain(value: Any) -> Any:
    """A value as JSON can hold it: any other object, and numbers that are damage, as text."""
    if isinstance(value, Mapping):
        return {_encodable(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < MOST):
        return value
    return value if isinstance(value, float) and isfinite(value) else _encodable(str(value))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@dataclass
class Saved:
    """A checkpoint that a log mentions, or that lies in the output folder: then with its path and size."""

    step: int
    at: float
    path: str = ""
    bytes: int = 0


@dataclass
class LoggedRun:
    """One run of a source; `number` counts from 1. `points` only grows, and their steps increase; those of a run that
    is resumed are others from then on.

    `failure` is the last line of what went wrong, if `end` says so.
    """

    number: int
    facts: Facts = field(default_factory=Facts)
    points: Points = field(default_factory=Points)
    saved: list[Saved] = field(default_factory=list)
    end: End = End.NONE
    failure: str = ""

    @property
    def estimated(self) -> bool:
        """Whether the newest step is an estimate."""
        return bool(self.points.exact) and not self.points.exact[-1]


def row(run: int, point: Point) -> dict[str, Any]:
    """A point as `watch --json` prints it; values that are not finite are null, and named in `nonfinite`."""
    odd = {name: str(value) for name, value in point.metrics.items() if not isfinite(value)}
    metrics: dict[str, float | None] = dict(point.metrics)
    plain = {"run": run, "step": point.step, "exact": point.exact, "samples": point.samples, "metrics": metrics}
    if not odd:
        return plain
    metrics.update(dict.fromkeys(odd))
    return plain | {"nonfinite": odd}


def _text(part: object, key: str) -> str:
    found = part.get(key) if isinstance(part, Mapping) else None
    return found if isinstance(found, str) else ""


def _count(part: Mapping[str, Any], key: str) -> int:
    found = part.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < MOST else 0

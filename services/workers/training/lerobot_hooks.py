"""Hooks into LeRobot's training script. Each names what it touches; `tests/lerobot_seams` guards them.

Hooked in LeRobot 0.6.1, `scripts/lerobot_train.py`, which looks each of them up by name:
- `make_train_eval_datasets`: reports the loaded dataset, before the policy takes its statistics.
- `make_optimizer_and_scheduler`: reports the policy that is trained.
- `cycle`: reports that the first step comes next, and passes each step's batch on.
- `should_save_checkpoint`: called after every step; the only place to count steps and to request a checkpoint.
- `save_checkpoint`, `update_last_checkpoint`: replaced, so that a checkpoint is whole or absent.
- `MetricsTracker`: its accelerator reduces the held-out episodes' loss, which the script logs with four decimals.
- `tqdm`: no progress bar in the log (the script passes `disable` itself, so TQDM_DISABLE has no effect).
And the root logger: the script logs its `MetricsTracker` itself (`utils/logging_utils.py`), which a filter reads at
full precision; filters survive `init_logging`, handlers do not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lerobot.scripts import lerobot_train
from lerobot.utils.logging_utils import MetricsTracker

HOOKED = (
    "make_train_eval_datasets", "make_optimizer_and_scheduler", "cycle", "should_save_checkpoint", "save_checkpoint",
    "update_last_checkpoint", "MetricsTracker", "tqdm",
)  # fmt: skip


HELD_OUT = re.compile(r"step (\d+): eval_loss=(\S+)")


class Watcher(Protocol):
    """What the hooks call, on the training's own thread."""

    def dataset_read(self, dataset: Any, held_out: Any) -> None:
        """LeRobot has loaded the dataset but not used it yet: its `meta.stats` may still be changed.

        `held_out` is the dataset of the episodes that are only measured, or None.
        """

    def policy_made(self, policy: Any) -> None:
        """The policy is built, with its weights."""

    def begins(self) -> None:
        """The first step comes next."""

    def batches(self, batches: Iterator[Any], loader: Any) -> Iterator[Any]:
        """The training's batches, one per step, as they come from the loader, which has not begun yet."""

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Whether to save after this step; `due` is LeRobot's own decision."""

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """Save to `checkpoint`, using LeRobot's own writer, `write(folder)`."""

    def saved(self, checkpoint: Path) -> None:
        """Point `last` at it, if it is there."""

    def logged(self, metrics: dict[str, float]) -> None:
        """LeRobot logged these: `steps`, `samples`, `episodes`, `epochs` and its meters' averages."""

    def held_out_measured(self, step: int, loss: float) -> None:
        """The mean loss of the held-out episodes after this step."""


@contextmanager
def hooked(watcher: Watcher) -> Iterator[None]:
    """Within this, LeRobot's training calls `watcher`. Raises AttributeError if LeRobot lacks what is hooked."""
    stock = {name: getattr(lerobot_train, name) for name in HOOKED}
    reduced = Reduced()
    listener = MetricsFilter(watcher, reduced)
    logging.getLogger().addFilter(listener)
    for name, hook in _hooks(watcher, stock, reduced).items():
        setattr(lerobot_train, name, hook)
    try:
        yield
    finally:
        for name, original in stock.items():
            setattr(lerobot_train, name, original)
        logging.getLogger().removeFilter(listener)


class Reduced:
    """The last tensor that the script's accelerator reduced over its processes; of one process, the tensor itself."""

    def __init__(self) -> None:
        self._last: Any = None

    def follow(self, accelerator: Any) -> None:
        """Remember what it reduces from now on."""
        reduce = accelerator.reduce

        def remembered(*args: Any, **kwargs: Any) -> Any:
            self._last = reduce(*args, **kwargs)
            return self._last

        accelerator.reduce = remembered

    def exact(self, shown: str) -> float:
        """The number that was logged as `shown`, with all its digits if it is the one reduced last."""
        last = self._last.item() if getattr(self._last, "numel", lambda: 0)() == 1 else float(shown)
        return float(last if f"{last:.4f}" == shown else shown)


def _hooks(watcher: Watcher, stock: dict[str, Callable[..., Any]], reduced: Reduced) -> dict[str, Callable[..., Any]]:
    def make_train_eval_datasets(cfg: Any) -> Any:
        made = stock["make_train_eval_datasets"](cfg)
        watcher.dataset_read(*made)
        return made

    def make_tracker(*args: Any, accelerator: Any = None, **kwargs: Any) -> Any:
        reduced.follow(accelerator)
        return stock["MetricsTracker"](*args, accelerator=accelerator, **kwargs)

    def make_optimizer_and_scheduler(cfg: Any, policy: Any) -> Any:
        watcher.policy_made(policy)
        return stock["make_optimizer_and_scheduler"](cfg, policy)

    def cycle(loader: Any) -> Any:
        watcher.begins()
        return watcher.batches(stock["cycle"](loader), loader)

    def should_save_checkpoint(step: int, save_freq: int, total_steps: int) -> bool:
        due = bool(stock["should_save_checkpoint"](step, save_freq, total_steps))
        return watcher.wants_checkpoint(step, due=due)

    def save_checkpoint(checkpoint_dir: Path, *args: Any, **kwargs: Any) -> None:
        watcher.save(lambda folder: stock["save_checkpoint"](folder, *args, **kwargs), checkpoint_dir)

    return {
        "make_train_eval_datasets": make_train_eval_datasets,
        "make_optimizer_and_scheduler": make_optimizer_and_scheduler,
        "cycle": cycle,
        "should_save_checkpoint": should_save_checkpoint,
        "save_checkpoint": save_checkpoint,
        "update_last_checkpoint": watcher.saved,
        "MetricsTracker": make_tracker,
        "tqdm": lambda *args, **kwargs: stock["tqdm"](*args, **(kwargs | {"disable": True})),
    }


class MetricsFilter(logging.Filter):
    """Passes every record; reports the values of a MetricsTracker that has a loss, and the held-out episodes' loss."""

    def __init__(self, watcher: Watcher, reduced: Reduced) -> None:
        super().__init__()
        self._watcher, self._reduced = watcher, reduced

    def filter(self, record: logging.LogRecord) -> bool:
        """Called for records of the root logger itself."""
        if isinstance(record.msg, MetricsTracker) and "loss" in record.msg.metrics:
            self._watcher.logged(record.msg.to_dict())
        elif isinstance(record.msg, str) and (found := HELD_OUT.fullmatch(record.msg)):
            self._watcher.held_out_measured(int(found[1]), self._reduced.exact(found[2]))
        return True

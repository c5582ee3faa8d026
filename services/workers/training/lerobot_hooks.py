"""Hooks into LeRobot's training script. Each names what it touches; `tests/lerobot_seams` guards them.

Hooked in LeRobot 0.6.1, `scripts/lerobot_train.py`, which looks each of them up by name:
- `make_train_eval_datasets`: reports the loaded dataset, before the policy takes its statistics.
- `make_optimizer_and_scheduler`: reports the policy that is trained.
- `cycle`: reports that the first step comes next.
- `should_save_checkpoint`: called after every step; the only place to count steps and to request a checkpoint.
- `save_checkpoint`, `update_last_checkpoint`: replaced, so that a checkpoint is whole or absent.
- `tqdm`: no progress bar in the log (the script passes `disable` itself, so TQDM_DISABLE has no effect).
And the root logger: the script logs its `MetricsTracker` itself (`utils/logging_utils.py`), which a filter reads at
full precision; filters survive `init_logging`, handlers do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lerobot.scripts import lerobot_train
from lerobot.utils.logging_utils import MetricsTracker

HOOKED = (
    "make_train_eval_datasets", "make_optimizer_and_scheduler", "cycle", "should_save_checkpoint", "save_checkpoint",
    "update_last_checkpoint", "tqdm",
)  # fmt: skip


class Watcher(Protocol):
    """What the hooks call, on the training's own thread."""

    def dataset_read(self, dataset: Any) -> None:
        """LeRobot has loaded the dataset but not used it yet: its `meta.stats` may still be changed."""

    def policy_made(self, policy: Any) -> None:
        """The policy is built, with its weights."""

    def begins(self) -> None:
        """The first step comes next."""

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Whether to save after this step; `due` is LeRobot's own decision."""

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """Save to `checkpoint`, using LeRobot's own writer, `write(folder)`."""

    def saved(self, checkpoint: Path) -> None:
        """Point `last` at it, if it is there."""

    def logged(self, metrics: dict[str, float]) -> None:
        """LeRobot logged these: `steps`, `samples`, `episodes`, `epochs` and its meters' averages."""


@contextmanager
def hooked(watcher: Watcher) -> Iterator[None]:
    """Within this, LeRobot's training calls `watcher`. Raises AttributeError if LeRobot lacks what is hooked."""
    stock = {name: getattr(lerobot_train, name) for name in HOOKED}
    listener = MetricsFilter(watcher.logged)
    logging.getLogger().addFilter(listener)
    for name, hook in _hooks(watcher, stock).items():
        setattr(lerobot_train, name, hook)
    try:
        yield
    finally:
        for name, original in stock.items():
            setattr(lerobot_train, name, original)
        logging.getLogger().removeFilter(listener)


def _hooks(watcher: Watcher, stock: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    def make_train_eval_datasets(cfg: Any) -> Any:
        made = stock["make_train_eval_datasets"](cfg)
        watcher.dataset_read(made[0])
        return made

    def make_optimizer_and_scheduler(cfg: Any, policy: Any) -> Any:
        watcher.policy_made(policy)
        return stock["make_optimizer_and_scheduler"](cfg, policy)

    def cycle(loader: Any) -> Any:
        watcher.begins()
        return stock["cycle"](loader)

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
        "tqdm": lambda *args, **kwargs: stock["tqdm"](*args, **(kwargs | {"disable": True})),
    }


class MetricsFilter(logging.Filter):
    """Passes every record; reports the values of a MetricsTracker that has a loss."""

    def __init__(self, logged: Callable[[dict[str, float]], None]) -> None:
        super().__init__()
        self._logged = logged

    def filter(self, record: logging.LogRecord) -> bool:
        """Called for records of the root logger itself."""
        if isinstance(record.msg, MetricsTracker) and "loss" in record.msg.metrics:
            self._logged(record.msg.to_dict())
        return True

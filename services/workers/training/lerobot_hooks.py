"""Hooks into LeRobot's training script. Each names what it touches; `tests/lerobot_seams` guards them.

What is hooked, in LeRobot 0.6.1, `scripts/lerobot_train.py`, where each is looked up by name:
- `make_train_eval_datasets`: tells when the dataset is read, before the policy takes its statistics from it.
- `make_optimizer_and_scheduler`: tells the policy that is trained.
- `cycle`: tells that the first step comes next.
- `should_save_checkpoint`: asked after every step; the only place to count steps and to ask for a checkpoint.
- `save_checkpoint`, `update_last_checkpoint`: replaced, so that a checkpoint is whole or absent.
- `tqdm`: no bar (it is told whether to draw one, so TQDM_DISABLE does nothing); the log is for people.
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
    """Who is told, and asked, on the training's own thread."""

    def dataset_read(self, dataset: Any) -> None:
        """LeRobot has loaded the dataset, and made nothing of it yet: its `meta.stats` may still be changed."""

    def policy_made(self, policy: Any) -> None:
        """The policy is built, with its weights."""

    def begins(self) -> None:
        """The first step comes next."""

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Whether to save after this step; `due` is LeRobot's own opinion."""

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """Save with `write(folder)`, LeRobot's own writer, what is to lie in `checkpoint` in the end."""

    def saved(self, checkpoint: Path) -> None:
        """Point `last` at it, if it is there."""

    def logged(self, metrics: dict[str, float]) -> None:
        """LeRobot logged these: `steps`, `samples`, `episodes`, `epochs` and its meters' averages."""


@contextmanager
def tapped(watcher: Watcher) -> Iterator[None]:
    """Within this, LeRobot's training tells `watcher`. Raises AttributeError where LeRobot lacks what is hooked."""
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
    """Lets every record pass; hands on what a MetricsTracker that counts a loss holds."""

    def __init__(self, logged: Callable[[dict[str, float]], None]) -> None:
        super().__init__()
        self._logged = logged

    def filter(self, record: logging.LogRecord) -> bool:
        """Called for what is logged on the root logger itself."""
        if isinstance(record.msg, MetricsTracker) and "loss" in record.msg.metrics:
            self._logged(record.msg.to_dict())
        return True

"""How an episode that LeRobot has saved becomes readable while the recording goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lerobot.datasets.lerobot_dataset import LeRobotDataset

from services.workers.dataset import lerobot_hooks


class Commits(Protocol):
    """In two steps, so that data and mark are on the disk before the row that makes them an episode."""

    def close_data(self, dataset: LeRobotDataset) -> None:
        """Complete the data file."""

    def commit(self, dataset: LeRobotDataset) -> LeRobotDataset:
        """Complete the metadata file; the dataset object to go on with."""


class Rearm:
    """Close LeRobot's writers and let it go on in new files: 5 to 20 ms."""

    def close_data(self, dataset: LeRobotDataset) -> None:
        """Complete the data file."""
        lerobot_hooks.close_data(dataset)

    def commit(self, dataset: LeRobotDataset) -> LeRobotDataset:
        """Complete the metadata file."""
        lerobot_hooks.commit_metadata(dataset)
        return dataset


class FinalizeAndResume:
    """LeRobot's public way, for a version whose privates are others: 150 to 400 ms."""

    def __init__(self, reopen: Callable[[], LeRobotDataset]) -> None:
        self._reopen = reopen

    def close_data(self, dataset: LeRobotDataset) -> None:
        """Comes with finalize."""

    def commit(self, dataset: LeRobotDataset) -> LeRobotDataset:
        """Complete both files."""
        dataset.finalize()
        return self._reopen()

"""What lies in the data folder now: datasets and checkpoints by content, each read once. Reads the disk only.

Do not use it on an event loop: a dataset's rows and the heads of its videos are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import PRETRAINED
from services.checkpoints.weights import fingerprint
from services.datasets.content import contents_of
from services.datasets.episode_rows import read_rows
from services.datasets.pictures import pictures_of
from services.datasets.revision import rows_of
from services.datasets.summary import dataset_folders, summarize
from services.folders import DataFolder


class Dataset:
    """One dataset as it is now. All but `summary` may raise OSError."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.summary = root, summarize(root, name)

    @cached_property
    def rows(self) -> Mapping[int, str]:
        """The digest of each episode's numbers (services.datasets.revision)."""
        return rows_of(self.root, self.summary.episodes)

    @cached_property
    def contents(self) -> Mapping[int, str]:
        """What older checkpoints keep of each episode (services.datasets.content)."""
        return contents_of(self.root, self.summary.episodes)

    @cached_property
    def videos(self) -> Mapping[str, Mapping[int, str]]:
        """By camera the digest of each episode's pictures (services.datasets.pictures)."""
        return pictures_of(self.root, range(self.summary.episodes))

    @cached_property
    def lengths(self) -> Mapping[int, int]:
        """Frames of each episode, as far as the dataset says."""
        return read_rows(self.root).lengths


class Shelf:
    """The datasets and checkpoints of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self._datasets: dict[Path, Dataset] = {}

    def dataset(self, name: str, root: str) -> Dataset | None:
        """The dataset in the folder `root`, or of this name in the data folder, which may have been moved."""
        for place in (Path(root), self.folder.datasets / name) if name else (Path(root),):
            if place.is_absolute() and _is_folder(place):
                return self._read(place, name or place.name)
        return None

    def all(self) -> Iterator[Dataset]:
        """Every dataset of the data folder."""
        for root in sorted(dataset_folders(self.folder.datasets)):
            yield self._read(root, str(root.relative_to(self.folder.datasets)))

    def _read(self, root: Path, name: str) -> Dataset:
        if root not in self._datasets:
            self._datasets[root] = Dataset(root, name)
        return self._datasets[root]

    @cached_property
    def policies(self) -> Mapping[str, Path]:
        """The complete checkpoints of all trainings here, by the fingerprint of their policies."""
        found: dict[str, Path] = {}
        for output in _folders(self.folder.trainings):
            for each in _complete(output):
                try:
                    found.setdefault(fingerprint(each / PRETRAINED), each)
                except OSError:  # it is told of where it is looked for
                    continue
        return found


def _complete(output: Path) -> list[Path]:
    try:
        return checkpoints.complete(output)
    except OSError:
        return []


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _is_folder(path))
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # one that may not be looked into, or a name that is too long
        return False
    except ValueError:  # a null byte in a log from elsewhere
        return False

"""The episode whose first pictures are the ghost: which one it is, and its pictures, read by the viewer's process."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from services.datasets.episode_view import Camera, EpisodeOpened, EpisodeProblem, EpisodeView, Picture
from services.datasets.names import check_dataset_name
from services.folders import DataFolder
from services.log.table.recent import of_kind
from services.refusal import Refusal
from services.text import clean
from sessions.conditions import LIKE, NUMBER
from sessions.models import SessionKind, Trial
from sessions.trials import place

READ_WIDTH = 320
"""Columns of a reference's pictures: more than any preview shows."""


class Episode(NamedTuple):
    """One that may be a ghost, counted from 0, of the dataset at `root`; `name` is how people call it."""

    root: Path
    number: int
    name: str


@dataclass(frozen=True)
class Reference:
    """An episode's first frame: its pictures by camera, and its pose by joint, in degrees.

    `shapes` are the (width, height) in pixels of the cameras as recorded, (0, 0) where the dataset does not say.
    `problems` are sentences, by camera, why there is no picture.
    """

    name: str
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    joints: Mapping[str, float] = field(default_factory=dict)


def episode_named(folder: DataFolder, text: str) -> Episode:
    """The episode that DATASET#EPISODE names: a dataset of the data folder, or a folder, there or not.

    Raises Refusal if it names none.
    """
    name, _, number = text.strip().rpartition(LIKE)
    if not name or not NUMBER.fullmatch(number.strip()) or "\0" in name:
        raise Refusal(f"{clean(text.strip())[:60] or 'nothing'!r} names no episode: write DATASET{LIKE}EPISODE, as in "
                      f"pick_place{LIKE}12")  # fmt: skip
    root = _root(folder, name.strip())
    return Episode(root, int(number), f"{root.name}{LIKE}{int(number)}")


def _root(folder: DataFolder, name: str) -> Path:
    try:
        check_dataset_name(name)
    except ValueError:
        try:
            return Path(name).expanduser().absolute()
        except RuntimeError:
            raise Refusal(
                f"there is no user {clean(name.split('/', maxsplit=1)[0])[:40]!r} whose home a folder could be in"
            ) from None
    return folder.datasets / name


def paired(trials: Iterable[Trial], condition: str, dataset_root: str) -> Episode | None:
    """The last trial under this condition whose motion was saved: the next one is set up as it was. None for none."""
    root = Path(dataset_root)
    if not root.is_absolute():
        return None
    every = list(trials)
    saved = [(t.episode_index, t) for t in every if t.condition == condition and t.episode_index is not None]
    return Episode(root, saved[-1][0], _called(saved[-1][1], every)) if saved else None


def _called(trial: Trial, trials: Iterable[Trial]) -> str:
    """By its number among those that count, as the screen has it."""
    if trial.counts:
        return f"trial {place(trials, trial.index)}"
    return "the practice trial" if trial.practice else f"attempt {trial.index}, which does not count"


def paired_earlier(folder: DataFolder, condition: str, besides: str = "") -> Episode | None:
    """The last such trial of the log's evaluations, without the session `besides`. None for none.

    Reads disk: do not call it on an event loop. Raises LogbookProblem or OSError where the log cannot be read.
    """
    for session in of_kind(folder, SessionKind.EVAL):
        if session.id != besides:
            found = paired(session.trials, condition, session.request.dataset_root)
            if found is not None and found.root.is_dir():
                return found._replace(name=f"{found.name} of {session.id}")
    return None


async def read(episode: Episode, view: EpisodeView | None = None) -> Reference:
    """The episode's first frame, by a process that ends with it. Raises EpisodeProblem with a sentence."""
    view = view or EpisodeView()
    try:
        opened = await view.open(episode.root, episode.number)
        if not opened.cameras:
            raise EpisodeProblem(f"{episode.name} has no camera: it cannot be laid over a picture")
        shown = await view.show((0,), {camera.name: _size(camera) for camera in opened.cameras})
    finally:
        await view.close()
    return Reference(
        name=episode.name,
        pictures={p.camera: p for p in shown.pictures if p.rgb},
        shapes={camera.name: (camera.width, camera.height) for camera in opened.cameras},
        problems={p.camera: p.problem for p in shown.pictures if p.problem},
        joints=_first_pose(opened),
    )


def _size(camera: Camera) -> tuple[int, int]:
    """The (width, height) in pixels to read."""
    width, height = (camera.width, camera.height) if camera.width and camera.height else (4, 3)
    across = min(READ_WIDTH, width) if width > 4 else READ_WIDTH
    return across, max(2, round(across * height / width))


def _first_pose(opened: EpisodeOpened) -> dict[str, float]:
    """The measured pose of the first frame, by joint: what telemetry calls them is what a dataset does."""
    return {trace.name: float(struct.unpack_from("<f", trace.state)[0]) for trace in opened.traces if trace.state}

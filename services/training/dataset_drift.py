"""Whether a dataset still holds what a training learnt from. Reads the disk: do not call it on an event loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.checkpoints.checkpoint import Provenance
from services.datasets.content import contents_of
from services.datasets.pictures import pictures_of
from services.datasets.revision import rows_of
from services.datasets.summary import summarize
from services.folders import DataFolder
from services.refusal import Refusal
from services.units import plural
from sessions.facts import TrainingStarted
from sessions.left_out import Why, as_ranges

MOST_RANGES = 6


@dataclass(frozen=True)
class Drift:
    """Sentences: `changed` are to be accepted before the training goes on, `notes` are good to know."""

    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def drift(folder: DataFolder, name: str, kept: Provenance, started: TrainingStarted) -> Drift:
    """What is different in the dataset of what the training learns from.

    `kept` stands beside the checkpoint. Raises Refusal if the training could not read its episodes.
    """
    summary = summarize(folder.datasets / name, name)
    if not summary.root.is_dir():
        raise Refusal(f"dataset {name}, which it learns from, is not in {folder.datasets}: put a copy back")
    if summary.problem:
        raise Refusal(f"dataset {name} cannot be trained on: {summary.problem}")
    held_out = [index for group in started.left_out if group.why is Why.HELD_OUT for index in group.episodes]
    used = sorted(kept.contents or {*started.episodes, *held_out})
    gone = [index for index in used if index >= summary.episodes]
    if gone:
        numbers = as_ranges(gone, MOST_RANGES)
        raise Refusal(
            f"dataset {name} has {plural(summary.episodes, 'episode')}, and it learns from {numbers} as well: "
            "put a copy back as it was, or start a new training"
        )
    try:
        known = kept.rows or kept.contents  # older checkpoints have no digests of all numbers
        contents = (rows_of if kept.rows else contents_of)(summary.root, summary.episodes)
    except OSError as error:
        raise Refusal(f"dataset {name} cannot be read: {error}") from error
    others = [index for index in used if (was := known.get(index)) and contents.get(index) != was]
    marks = summary.matched.marks
    rejected = [index for index in used if index in marks and not marks[index].accepted]
    changed, notes = [], []
    if others:
        are = plural(len(others), "episode is another", "episodes are others")
        changed.append(f"{are} than it has learnt from: {as_ranges(others, MOST_RANGES)}")
    videos = pictures_of(summary.root, used, started.excluded_cameras)
    changed += _other_pictures(name, kept.videos, videos)
    if rejected:
        are = plural(len(rejected), "episode that it learns from was", "episodes that it learns from were")
        changed.append(f"{are} rejected since: {as_ranges(rejected, MOST_RANGES)}")
    if not kept.contents:
        notes.append("its checkpoint keeps no fingerprint of its episodes: whether they are the same is not known")
    elif videos and not kept.videos:
        notes.append("its checkpoint keeps no fingerprint of its videos: whether they are the same is not known")
    if (more := summary.episodes - started.episodes_total) > 0:
        notes.append(f"{plural(more, 'episode was', 'episodes were')} recorded since: it does not learn from them")
    return Drift(tuple(changed), tuple(notes))


def _other_pictures(
    name: str, kept: Mapping[str, Mapping[int, str]], videos: Mapping[str, Mapping[int, str]]
) -> Iterator[str]:
    """A sentence for each camera whose videos are others. Raises Refusal if one cannot be read any more."""
    for camera, digests in kept.items():
        found = videos.get(camera, {})
        known = [index for index, was in digests.items() if was]
        if gone := [index for index in known if not found.get(index)]:
            raise Refusal(
                f"dataset {name}: the video of {camera} is missing or cannot be read in "
                f"{plural(len(gone), 'episode')} that it learns from: {as_ranges(gone, MOST_RANGES)}; put a copy back"
            )
        if others := [index for index in known if found[index] != digests[index]]:
            of = plural(len(others), "episode")
            yield f"{camera} shows other pictures than it has learnt from in {of}: {as_ranges(others, MOST_RANGES)}"

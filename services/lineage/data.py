"""Whether a dataset still holds what a training learnt from: episodes, pictures, marks and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.checkpoints.checkpoint import Provenance
from services.checkpoints.settings import calibration
from services.datasets.marks import read_calibrations
from services.datasets.revision import revision
from services.lineage.findings import Finding, Standing, changed, gone, matches, unknown, unreadable
from services.lineage.shelf import Dataset, Shelf
from services.units import plural
from sessions.facts import TrainingStarted
from sessions.left_out import LeftOut, Why, as_ranges
from sessions.lineage import SHOWN

MOST_RANGES = 8
EDITED = "edits after recording make other data: keep a copy of what was trained on, or train again"


@dataclass(frozen=True)
class Kept:
    """What is known of the data of a training: of the checkpoint's side file, or only what the log says.

    `episodes` were learnt from, `held_out` only measured; `rows` and `videos` as services.datasets.revision has them.
    """

    name: str
    root: str
    episodes: tuple[int, ...] = ()
    held_out: tuple[int, ...] = ()
    cameras: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    fps: float = 0
    fingerprint: str = ""
    rows: Mapping[int, str] | None = None
    contents: Mapping[int, str] | None = None
    videos: Mapping[str, Mapping[int, str]] | None = None
    calibrations: Mapping[str, Mapping[str, str]] | None = None

    @property
    def used(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(sorted({*self.episodes, *self.held_out}))

    @property
    def digests(self) -> Mapping[int, str]:
        """Of each episode, of all its numbers if they are kept; empty if only the log is left."""
        return self.rows or self.contents or {}

    def now(self, dataset: Dataset) -> Mapping[int, str]:
        """The digests of the same kind of a dataset's episodes. Raises OSError."""
        return dataset.contents if self.contents and not self.rows else dataset.rows


def kept_beside(kept: Provenance) -> Kept:
    """What a checkpoint keeps beside its policy."""
    return Kept(
        name=kept.dataset, root=kept.dataset_root, episodes=kept.episodes, held_out=_held_out(kept.left_out),
        cameras=kept.cameras, without=kept.excluded_cameras, fps=kept.fps, fingerprint=kept.lineage.data,
        rows=kept.rows or None, contents=kept.contents or None, videos=kept.videos or None,
        calibrations=kept.calibrations or None,
    )  # fmt: skip


def kept_in_log(name: str, root: str, started: TrainingStarted) -> Kept:
    """What the log knows where no checkpoint is left: that something differs, and not in which episode."""
    return Kept(
        name=name, root=root, episodes=started.episodes, held_out=_held_out(started.left_out),
        without=started.excluded_cameras, fingerprint=started.lineage.data,
    )  # fmt: skip


def _held_out(left_out: Sequence[LeftOut]) -> tuple[int, ...]:
    return tuple(index for group in left_out if group.why is Why.HELD_OUT for index in group.episodes)


def data_findings(kept: Kept, shelf: Shelf) -> list[Finding]:
    """The dataset as it is now against what is kept of it."""
    what = f"dataset {kept.name}" if kept.name else "its dataset"
    if not kept.name and not kept.root:
        return [unknown(what, "nothing is kept of what it learnt from")]
    dataset = shelf.dataset(kept.name, kept.root)
    if dataset is None:
        return [_missing(what, kept, shelf)]
    summary = dataset.summary
    if summary.problem and not summary.episodes:
        return [unreadable(what, summary.problem)]
    try:
        return [*_episodes(what, kept, dataset), *_marks(kept, dataset), *_calibration(kept, dataset)]
    except OSError as error:
        return [unreadable(what, error, f"`lab-console dataset {kept.name}` looks closely")]


def is_another(kept: Kept, shelf: Shelf) -> bool:
    """Whether the dataset that lies where it lay holds nothing of it. Of one that cannot be read it is not said."""
    dataset = shelf.dataset(kept.name, kept.root)
    if dataset is None:
        return False
    try:
        if not kept.digests:
            return _as_a_whole("", kept, dataset).standing is Standing.CHANGED
        return (set(kept.digests.values()) - {""}).isdisjoint(kept.now(dataset).values())
    except OSError:
        return False


def _missing(what: str, kept: Kept, shelf: Shelf) -> Finding:
    """Where it was; which other dataset holds all its episodes, if one does."""
    where = f"it is not in {kept.root or shelf.folder.datasets}"
    wanted = set(kept.digests.values()) - {""}
    for other in shelf.all() if wanted else ():
        try:
            held = kept.now(other)
        except OSError:
            continue
        if wanted <= set(held.values()):
            return gone(what, f"{where}; dataset {other.summary.name} holds all of its episodes")
    return gone(what, where, "put a copy back")


def _episodes(what: str, kept: Kept, dataset: Dataset) -> Iterator[Finding]:
    known, now = kept.digests, kept.now(dataset)
    if not known:
        yield _as_a_whole(what, kept, dataset)
        return
    at = _places(known, now)
    if not at:
        yield unknown(what, "no fingerprint of its episodes is kept")
        return
    lost, held = [index for index, place in at.items() if place is None], set(known.values())
    others = [index for index in lost if now.get(index) and now[index] not in held]
    away = [index for index in lost if index not in others]  # one of the others may have its number now
    if others or away:
        said = [f"{plural(len(others), 'episode holds', 'episodes hold')} other values: {_numbers(others)}"] * bool(
            others
        )
        said += [f"{plural(len(away), 'episode is', 'episodes are')} gone: {_numbers(away)}"] * bool(away)
        yield changed(what, "; ".join(said), EDITED)
    else:
        yield matches(what, _as_it_was(kept, at, dataset))
    if kept.fps and kept.fps != dataset.summary.fps:
        yield changed("frames a second", f"{dataset.summary.fps:g}, and {kept.fps:g} when it was learnt from")
    for camera, digests in (kept.videos or {}).items():
        yield _pictures(camera, digests, at, dataset)
    if unseen := [camera for camera in kept.cameras if camera not in (kept.videos or {})]:
        yield unknown(f"pictures of {', '.join(unseen)}", "no fingerprint of them is kept")


def _as_a_whole(what: str, kept: Kept, dataset: Dataset) -> Finding:
    """By the one fingerprint that the log keeps."""
    if not kept.fingerprint:
        return unknown(what, "no fingerprint of its episodes is kept")
    videos = {camera: digests for camera, digests in dataset.videos.items() if camera not in kept.without}
    if revision(dataset.rows, videos, dataset.summary.fps, kept.episodes) == kept.fingerprint:
        return matches(what, f"{plural(len(kept.episodes), 'episode')}, data {kept.fingerprint[:SHOWN]}")
    return changed(what, "its episodes or pictures are others; without a checkpoint it is not known which", EDITED)


def _places(known: Mapping[int, str], now: Mapping[int, str]) -> dict[int, int | None]:
    """Where each known episode is now: at its own number, else at another that holds the same; None for nowhere."""
    elsewhere = {digest: index for index, digest in sorted(now.items(), reverse=True) if digest}
    return {
        index: index if now.get(index) == digest else elsewhere.get(digest)
        for index, digest in sorted(known.items())
        if digest
    }


def _as_it_was(kept: Kept, at: Mapping[int, int | None], dataset: Dataset) -> str:
    said = [plural(len(at), "episode")]
    if kept.fingerprint:
        said.append(f"data {kept.fingerprint[:SHOWN]}")
    if moved := [index for index, place in at.items() if place != index]:
        said.append(f"{plural(len(moved), 'episode has', 'episodes have')} other numbers now: {_numbers(moved)}")
    if str(dataset.root) != kept.root and kept.root:
        said.append(f"it is in {dataset.root} now")
    return ", ".join(said)


def _pictures(camera: str, digests: Mapping[int, str], at: Mapping[int, int | None], dataset: Dataset) -> Finding:
    what, videos = f"pictures of {camera}", dataset.videos.get(camera)
    known = {index: place for index, place in at.items() if place is not None and digests.get(index)}
    if not known and any(digests.values()):
        return gone(what, "its episodes are others, or gone")
    if not known:
        return unknown(what, "no fingerprint of them is kept")
    if videos is None:
        return gone(what, f"dataset {dataset.summary.name} has no pictures of that camera")
    if lost := [index for index, place in known.items() if not videos.get(place)]:
        return gone(what, f"they are missing, or cannot be read, in {plural(len(lost), 'episode')}: {_numbers(lost)}")
    if others := [index for index, place in known.items() if videos[place] != digests[index]]:
        said = f"encoded anew, or other pictures, in {plural(len(others), 'episode')}: {_numbers(others)}"
        return changed(what, said, EDITED)
    return matches(what, plural(len(known), "episode"))


def _marks(kept: Kept, dataset: Dataset) -> Iterator[Finding]:
    """Whether what it learnt from is still accepted. Marks are found by content, so the number is the one of now."""
    at = _places(kept.digests, kept.now(dataset)) if kept.digests else {index: index for index in kept.used}
    marks = dataset.summary.matched.marks
    rejected = [i for i, place in at.items() if place is not None and place in marks and not marks[place].accepted]
    if rejected:
        yield changed(
            "marks", f"{plural(len(rejected), 'episode was', 'episodes were')} rejected since: {_numbers(rejected)}"
        )


def _calibration(kept: Kept, dataset: Dataset) -> Iterator[Finding]:
    if not kept.calibrations:
        yield unknown("calibration", "none is kept of its recordings")
        return
    now = {session: arms for session, arms in read_calibrations(dataset.root).items() if session in kept.calibrations}
    if calibration(now) == calibration(kept.calibrations):
        yield matches("calibration", f"{calibration(now)[:SHOWN]}, of {plural(len(now), 'recording')}")
    elif now.keys() < kept.calibrations.keys():
        yield gone(
            "calibration", f"the marks of dataset {dataset.summary.name} no longer say with which it was recorded"
        )
    else:
        yield changed(
            "calibration", f"the marks of dataset {dataset.summary.name} name another than when it was learnt from"
        )


def _numbers(episodes: Sequence[int]) -> str:
    return as_ranges(episodes, MOST_RANGES)

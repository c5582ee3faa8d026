"""A LeRobot dataset folder as a recording session: what its metadata say, and the console's marks if it has any.

Nothing of the folder is written. It may come from anywhere: what is not as LeRobot writes it is said in a sentence.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path

from services.datasets.cameras import camera_keys, picture_size
from services.datasets.marks import SIDECAR, Mark
from services.datasets.summary import INFO, MOST_FRAMES, DatasetSummary, summarize
from services.folders import SESSION_ID, DataFolder
from services.live import events as ev
from services.log import logbook
from services.log.importing.adding import Import
from services.refusal import Refusal
from services.text import clean
from services.units import plural
from sessions.bench import Profile
from sessions.files import check_file
from sessions.models import SessionStatus
from sessions.recorded import RecordedCamera, RecordedRecording
from sessions.requests import RecordRequest

LARGEST = 64 * 1024**2
"""Bytes of a metadata file of which no more is read."""
FASTEST = 1_000.0
"""Frames per second of the fastest camera."""
MOST_LISTED = 20_000
"""Those of a larger dataset are counted, not listed: a session's document is read whole."""
LARGEST_PICTURE = 100_000
LISTED = 5


def is_dataset(place: Path) -> bool:
    """Whether the folder is laid out as a LeRobot dataset."""
    return (place / "meta").is_dir() and ((place / INFO).exists() or (place / "data").is_dir())


def datasets_in(place: Path) -> list[str]:
    """The datasets right below a folder, by name."""
    try:
        return sorted(clean(child.name) for child in place.iterdir() if is_dataset(child))
    except OSError:
        return []


def named(names: Sequence[str]) -> str:
    """The first few of these names."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def in_words(one: Import) -> str:
    """`dataset cubes, 20 episodes with 5,980 frames`."""
    known = one.started.recording or RecordedRecording()
    episodes = plural(known.recorded or 0, "episode")
    return f"dataset {one.started.dataset}, {episodes} with {known.frames or 0:,} frames"


def recorded_here(folder: DataFolder) -> frozenset[str]:
    """The sessions that this console's log has of its own: what they recorded is in it."""
    if not folder.root.exists():
        return frozenset()
    return frozenset(s.id for s in logbook.sessions(folder).sessions if not s.started.imported)


def as_import(folder: DataFolder, place: Path, known: Collection[str]) -> Import:
    """The dataset at `place` as a session to add. Raises Refusal if it cannot be one, OSError if it cannot be read.

    `known` are sessions of the log itself: of the episodes that they recorded nothing is added.
    """
    _check_files(place)
    found = summarize(place, name=_name(folder, place))
    _check(found, place)
    from services.datasets.episode_rows import read_rows  # it loads pyarrow

    rows = read_rows(place)
    there = {i: n for i, n in rows.lengths.items() if 0 <= i < found.episodes and 0 < n <= MOST_FRAMES}
    ours = {index for index, mark in found.matched.marks.items() if mark.session in known}
    if len(ours) == found.episodes:
        names = named(sorted({found.matched.marks[index].session for index in ours}))
        raise Refusal(f"{_called(place)} is in the log already: it was recorded in session {names}")
    others = tuple(index for index in range(found.episodes) if index not in ours)
    lengths = {index: there[index] for index in others if index in there}
    tasks = Counter(clean(task) for index, task in rows.tasks.items() if index in lengths)
    return _import(folder, _known(place, found, lengths, others, tasks), found, lengths, tasks)


def _called(place: Path) -> str:
    return clean(str(place))


def _check_files(place: Path) -> None:
    """Raises Refusal for a file that would block, or be too large, where a library opens it by itself."""
    small = [place / INFO, place / f"{INFO}.bak", place / SIDECAR]
    for path in (*small, *place.glob("meta/episodes/*/*.parquet"), *place.glob("data/*/*.parquet")):
        try:
            check_file(path)
            size = path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise Refusal(f"{_called(path)} cannot be read: {error.strerror or error}") from error
        if path in small and size > LARGEST:
            raise Refusal(f"{_called(path)} has {size // 1024**2:,} MB: that is no metadata of a dataset")


def _check(summary: DatasetSummary, place: Path) -> None:
    """Raises Refusal for a dataset that is none, is of another version, or has numbers that cannot be."""
    if summary.version.startswith("2.1"):
        raise Refusal(_conversion(place, summary.name))
    if summary.problem is not None and not (summary.version.startswith("3.") and summary.features):
        raise Refusal(f"{_called(place)} cannot be imported: {clean(summary.problem)}")
    if not (isfinite(summary.fps) and 0 < summary.fps <= FASTEST):
        raise Refusal(f"{_called(place)} cannot be imported: its fps is {summary.fps:g}")
    if not summary.episodes:
        raise Refusal(f"{_called(place)} has no episode: there is nothing to import")


def _conversion(place: Path, name: str) -> str:
    repo = clean(name) if "/" in name else f"me/{clean(name)}"
    command = (
        f"python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id={shlex.quote(repo)} "
        f"--root={shlex.quote(_called(place))} --push-to-hub=false"
    )
    old = f"{clean(place.name)}_old"
    return f"{_called(place)} is of version 2.1: convert it with `{command}`, which keeps it as {old}, then import it"


def _name(folder: DataFolder, place: Path) -> str:
    """`name`, or `owner/name` below this console's datasets and in LeRobot's cache."""
    if place.is_relative_to(folder.datasets):
        return str(place.relative_to(folder.datasets))
    in_cache = place.parent.parent.name == "lerobot" or str(place.parent.parent) == os.environ.get("HF_LEROBOT_HOME")
    return f"{place.parent.name}/{place.name}" if in_cache else place.name


def _import(
    folder: DataFolder,
    known: RecordedRecording,
    summary: DatasetSummary,
    lengths: Mapping[int, int],
    tasks: Mapping[str, int],
) -> Import:
    """The session: its facts, each episode with what a person said of it, and its end."""
    place = Path(known.root)
    request = RecordRequest(
        data_dir=str(folder.root) if place.is_relative_to(folder.datasets) else "", profile=Profile(robot={}),
        dataset=clean(summary.name), task=max(tasks, key=lambda task: tasks[task], default=""), episodes=0,
        episode_seconds=0.0, reset_seconds=0.0, fps=round(summary.fps),
    )  # fmt: skip
    origin = ev.SessionStarted(
        at=_began(summary.matched.marks), id="", pid=0, host="", request=request, imported=str(place),
        import_key=_key(place, summary), recording=known,
    )  # fmt: skip
    whole = len(lengths) == known.recorded and len(lengths) <= MOST_LISTED
    listed = dict(sorted(lengths.items())) if whole else {}
    saved = [event for index, frames in listed.items() for event in _episode(index, frames, summary)]
    reason = f"{known.kept} of {plural(known.recorded or 0, 'episode')} accepted"
    return Import((origin, *saved, ev.SessionEnded(status=SessionStatus.FINISHED, reason=reason)))


def _accepted(index: int, summary: DatasetSummary) -> bool:
    """As its mark says; one whose mark is doubtful does not count."""
    mark = summary.matched.marks.get(index)
    return mark.accepted if mark is not None else index not in summary.doubtful


def _episode(index: int, frames: int, summary: DatasetSummary) -> Iterator[ev.Event]:
    """An episode, and what a person said of it."""
    mark, accepted = summary.matched.marks.get(index, Mark()), _accepted(index, summary)
    yield ev.EpisodeSaved(
        take=0, index=index, frames=frames, seconds=frames / summary.fps, accepted=accepted, save_ms=0.0,
        flags=tuple(map(clean, mark.flags)),
    )  # fmt: skip
    if mark.why:
        yield ev.EpisodeMarked(index=index, accepted=accepted, why=clean(mark.why))


def _known(
    place: Path,
    summary: DatasetSummary,
    lengths: Mapping[int, int],
    episodes: Collection[int],
    tasks: Collection[str],
) -> RecordedRecording:
    """What is known of these `episodes`. Where the length of one is missing, what info.json says of all is told."""
    counts = lengths.values()
    whole = len(lengths) == len(episodes)
    all_frames = summary.frames if len(episodes) == summary.episodes else None
    return RecordedRecording(
        root=str(place),
        robot=clean(summary.robot_type or ""), recorded=len(episodes), frames=sum(counts) if whole else all_frames,
        fps=float(summary.fps),
        kept=sum(_accepted(index, summary) for index in episodes), tasks=tuple(tasks) if len(tasks) > 1 else (),
        episode_frames=tuple(dict.fromkeys((min(counts), max(counts)))) if counts and whole else (),
        flaws=tuple(_flaws(summary, lengths, episodes)), strategies=tuple(_strategies(summary, episodes)),
        cameras=tuple(_camera(name, summary.features[key]) for name, key in camera_keys(summary.features).items()),
    )  # fmt: skip


def _strategies(summary: DatasetSummary, episodes: Collection[int]) -> dict[str, None]:
    """Those that its marks name."""
    marks = (summary.matched.marks.get(index) for index in episodes)
    return dict.fromkeys(clean(mark.strategy) for mark in marks if mark is not None and mark.strategy)


def _flaws(summary: DatasetSummary, lengths: Mapping[int, int], episodes: Collection[int]) -> Iterator[str]:
    """What of the dataset could not be read, or does not agree."""
    if summary.problem is not None:
        yield clean(summary.problem)
    frames = sum(lengths.values())
    if missing := len(episodes) - len(lengths):
        told = f"{summary.episodes:,} episodes, meta/episodes of {summary.episodes - missing:,}"
        yield f"{INFO} tells of {told}: how long each is cannot be told"
    elif len(episodes) == summary.episodes and frames != summary.frames:
        yield f"{INFO} tells of {summary.frames:,} frames, meta/episodes of {frames:,}"


def _camera(name: str, feature: Mapping[str, object]) -> RecordedCamera:
    """Its name and size; a size that no camera has is not taken."""
    try:
        width, height = picture_size(feature) or (0, 0)
    except (TypeError, ValueError, OverflowError):
        width, height = 0, 0
    fits = 0 < width <= LARGEST_PICTURE and 0 < height <= LARGEST_PICTURE
    return RecordedCamera(name=clean(name), width=width if fits else 0, height=height if fits else 0)


def _began(marks: Mapping[int, Mark]) -> float:
    """When its first session began, as the sessions' ids say that its marks name; 0 if one of them does not."""
    ids = {mark.session for mark in marks.values()}
    if not ids or not all(SESSION_ID.fullmatch(each) for each in ids):
        return 0.0
    try:
        return float(_utc(min(ids)))
    except (ValueError, OverflowError):
        return 0.0


def _utc(session_id: str) -> int:
    from calendar import timegm

    return timegm(time.strptime(session_id[:15], "%Y%m%d-%H%M%S"))


def _key(place: Path, summary: DatasetSummary) -> str:
    """What makes it the same dataset wherever it lies, also after more was recorded: its name and its first episode."""
    from services.datasets.content import content_of

    name = summary.name.rpartition("/")[2]
    digest = hashlib.sha256(content_of(place, 0).encode()).hexdigest()[:8]
    return f"{clean(name)} {digest}"

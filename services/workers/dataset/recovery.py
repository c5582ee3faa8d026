"""Recovers a dataset after a crash: keeps its committed episodes and sets aside the rest.

What is rewritten is kept as it was beside what is set aside.

All other files of a recorder go to `<root>/quarantine/<timestamp>/`; nothing is deleted. Imports LeRobot only to
aggregate statistics.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.datasets.fitting import fit_marks, marks_fit
from services.datasets.lock import DatasetProblem
from services.datasets.marks import SIDECAR
from services.datasets.summary import INFO, INFO_BACKUP
from services.live import events as ev
from services.workers.dataset import episode_stats
from services.workers.dataset.quarantine import Quarantine
from services.workers.dataset.recorded_files import sync_file
from services.workers.dataset.survey import STATS, TASKS, Survey
from sessions.files import sync_folder, write_atomically

TASKS_BACKUP = "meta/tasks.parquet.bak"


@dataclass(frozen=True)
class Recovery:
    """What a recovery found and did: `quarantined` are paths relative to the dataset, moved to `where`.

    `rewritten` are those that were changed in their place; they are kept there as they were.
    """

    episodes: int
    frames: int
    quarantined: tuple[str, ...]
    rewritten: tuple[str, ...]
    where: str
    summary: str

    def event(self) -> ev.DatasetRecovered:
        """The recovery as the session's event."""
        return ev.DatasetRecovered(
            episodes=self.episodes,
            frames=self.frames,
            summary=self.summary,
            quarantined=self.quarantined,
            rewritten=self.rewritten,
            where=self.where,
        )


def recover(root: Path, *, reason: str = "", cut: bool = False, into: Quarantine | None = None) -> Recovery | None:
    """Bring the dataset back to its last committed episode; None if it is healthy.

    The caller holds the dataset's lock. It may be killed at any point and run again. `reason` goes into the
    quarantine's reason.txt. Raises DatasetProblem, changing nothing, if whole episodes follow the first
    broken one: no crash causes that, and only `cut=True` sets those aside too.
    """
    if not root.exists():
        return None
    survey = Survey(root)
    return None if survey.healthy else repair(survey, reason=reason, cut=cut, into=into)


def repair(survey: Survey, *, reason: str = "", cut: bool = False, into: Quarantine | None = None) -> Recovery:
    """The part of `recover` after the survey; `into` is an already started quarantine, if any."""
    if survey.beyond and not cut:
        raise DatasetProblem(survey.gap())
    quarantine = into or Quarantine(survey.root)
    for path in survey.overfull:
        quarantine.keep_copy(path)
        _cut(path, survey)
    for path in survey.strays:
        quarantine.take(path)
    if survey.episodes and survey.tasks is None:
        _restore_tasks(survey, quarantine)
    _rebuild_stats(survey, quarantine)
    message = _fit_marks(survey, quarantine)
    _rebuild_info(survey, quarantine)
    quarantine.explain(reason or "left by a recording that did not end properly")
    summary = f"recovered {survey.episodes} episodes, {survey.frames} frames"
    if quarantine.moved:
        summary += f"; {len(quarantine.moved)} files that belong to no episode are in {quarantine.name}"
    if quarantine.copied:
        summary += f"; {', '.join(quarantine.copied)} as before: {quarantine.name}"
    if message:
        summary += f"; {message}"
    moved, copied = tuple(quarantine.moved), tuple(quarantine.copied)
    return Recovery(survey.episodes, survey.frames, moved, copied, quarantine.name, summary)


def write_backups(root: Path) -> None:
    """Back up the two files that LeRobot rewrites in place, in case a kill damages them.

    Tasks first, since an info.json.bak with N episodes means that N episodes are committed.
    """
    for original, backup in ((TASKS, TASKS_BACKUP), (INFO, INFO_BACKUP)):
        with suppress(FileNotFoundError):
            wanted = (root / original).read_bytes()
            if not (root / backup).exists() or (root / backup).read_bytes() != wanted:
                write_atomically(root / backup, wanted)


def _cut(path: Path, survey: Survey) -> None:
    """Rewrite a parquet file with the whole episodes' rows only, atomically."""
    with pq.ParquetFile(path) as file:
        table = file.read()
    table = table.filter(pc.less(table["episode_index"], survey.episodes))
    temporary = survey.root / f"tmp-{path.name}"
    pq.write_table(table, temporary, compression="snappy")
    sync_file(temporary)
    temporary.replace(path)
    sync_folder(path.parent)


def _restore_tasks(survey: Survey, quarantine: Quarantine) -> None:
    try:
        backup = (survey.root / TASKS_BACKUP).read_bytes()
    except FileNotFoundError:
        raise DatasetProblem(
            f"dataset {survey.root.name}: {TASKS} cannot be read and has no backup; restore it from a copy"
        ) from None
    quarantine.keep_copy(survey.root / TASKS)
    write_atomically(survey.root / TASKS, backup)
    survey.reread_tasks()


def _rebuild_stats(survey: Survey, quarantine: Quarantine) -> None:
    """Recompute the statistics from the whole episodes' rows; remove them if there is no episode."""
    path = survey.root / STATS
    if not survey.episodes:
        for leftover in (path, survey.root / TASKS):
            if leftover.exists():
                quarantine.take(leftover)
        survey.reread_tasks()
    elif not survey.stats_right and (per_episode := _episode_stats(survey)):
        quarantine.keep_copy(path)
        stats = episode_stats.as_json(episode_stats.aggregate(per_episode))
        write_atomically(path, json.dumps(stats, indent=4, ensure_ascii=False).encode())


def _episode_stats(survey: Survey) -> list[dict[str, Any]]:
    """The statistics of each whole episode that has any."""
    table = episode_stats.read({row.meta_file for row in survey.committed})
    return [s for s in episode_stats.rows(table.filter(pc.less(table["episode_index"], survey.episodes))) if s]


def _is_lerobots(splits: Any) -> bool:
    """Whether LeRobot's recorder wrote these splits: everything for training."""
    return isinstance(splits, dict) and list(splits) == ["train"] and str(splits["train"]).startswith("0:")


def _fit_marks(survey: Survey, quarantine: Quarantine) -> str:
    if marks_fit(survey.root, survey.contents):
        return ""
    quarantine.keep_copy(survey.root / SIDECAR)
    return fit_marks(survey.root, survey.contents)


def _rebuild_info(survey: Survey, quarantine: Quarantine) -> None:
    """Write info.json last: until it is right, the next survey finds the dataset in need of recovery."""
    if survey.info and not survey.info_right:
        quarantine.keep_copy(survey.root / INFO)
        before = survey.info.get("splits")
        info = survey.info | {
            "total_episodes": survey.episodes,
            "total_frames": survey.frames,
            "total_tasks": survey.tasks or 0,
        }
        if not before or _is_lerobots(before):
            info["splits"] = {"train": f"0:{survey.episodes}"} if survey.episodes else {}
        write_atomically(survey.root / INFO, json.dumps(info, indent=4, ensure_ascii=False).encode())
    write_backups(survey.root)

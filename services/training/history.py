"""The trainings that the log and the folder of outputs hold, and one of them opened to be read. Nothing is written.

Reads the disk: do not call it on an event loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from services.checkpoints import checkpoint as checkpoints
from services.folders import DataFolder, RunFolder
from services.live.event_log import is_live, read_events
from services.live.launch import log_tail
from services.live.snapshots import Snapshot, replay
from services.log.headline import policy_of, subject
from services.log.problem import LogbookProblem
from services.log.table.recent import of_kind
from sessions.document import Session, Training
from sessions.facts import CheckpointSaved, TrainingProgressed, TrainingStarted
from sessions.files import opened
from sessions.models import SessionKind, SessionStatus
from sessions.requests import TrainRequest

LARGEST = 16 * 1024**2
"""Bytes of a configuration; those of LeRobot have a few thousand, and a list of episodes some more."""
DEEPEST = 50
DEPTH = 4
"""Levels below outputs/ at which a training's folder is looked for; LeRobot's own are outputs/train/DATE/TIME_NAME."""


@dataclass(frozen=True)
class Run:
    """A training in the list. `id` is its session's, or the folder's path for one that no session names (`foreign`).

    `at` and `ended` are Unix times, 0 if unknown; `steps` is 0 if the number asked for is unknown. `reached` is the
    furthest step that is known; a log point or a checkpoint may be later than the last event.
    """

    id: str
    name: str
    policy: str
    dataset: str
    reached: int
    steps: int
    loss: float | None
    at: float
    ended: float
    status: SessionStatus
    output: Path | None = None
    session: Session | None = None
    watched: bool = False
    """Whether it comes from what `lab-console watch` names."""

    @property
    def foreign(self) -> bool:
        """Whether no session of this log made it."""
        return self.session is None


@dataclass(frozen=True)
class History:
    """The runs, newest first; `problem` says why the log could not be read."""

    runs: tuple[Run, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class OpenedRun:
    """What is known of one run: its state, what was asked for, its log's last lines, and where its metrics are."""

    snapshot: Snapshot
    request: TrainRequest | None
    last_lines: tuple[str, ...]
    metrics: Path


def list_runs(folder: DataFolder) -> History:
    """Every training of the log, and every folder below outputs/ with checkpoints that none of them made."""
    try:
        problem, runs = "", [run_of(session) for session in of_kind(folder, SessionKind.TRAIN)]
    except (LogbookProblem, OSError) as error:
        problem, runs = str(error), []
    ours = {os.path.realpath(run.output) for run in runs if run.output is not None}
    ours |= {os.path.realpath(folder.trainings / run.output.name) for run in runs if run.output is not None}
    foreign = [run for path in _folders(folder.outputs, DEPTH) if os.path.realpath(path) not in ours
               for run in [_foreign(folder, path)] if run is not None]  # fmt: skip
    return History(tuple(sorted([*runs, *foreign], key=lambda run: run.at, reverse=True)), problem)


def run_of(session: Session) -> Run:
    """A training of the log as a row of the list."""
    training, request = session.training, session.request
    asked = request.steps if isinstance(request, TrainRequest) else 0
    return Run(
        id=session.id,
        name=subject(session),
        policy=policy_of(session),
        dataset=session.dataset,
        reached=reached(training) if training else 0,
        steps=training.started.steps if training else asked,
        loss=training.loss if training else None,
        at=session.started.at,
        ended=session.ended.at if session.ended else 0.0,
        status=session.status,
        output=Path(training.started.output_dir) if training and training.started.output_dir else None,
        session=session,
    )


def reached(training: Training) -> int:
    """The furthest step that is known to be done."""
    return max(training.step, *(saved.step for saved in training.checkpoints), 0)


# -- folders that no session names --------------------------------------------------------------------


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """Folders that hold checkpoints, at most `depth` levels below `root`; links are not followed."""
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            if Path(entry.path, checkpoints.CHECKPOINTS).is_dir():
                yield Path(entry.path)
            elif depth > 1:
                yield from _folders(Path(entry.path), depth - 1)


def _foreign(folder: DataFolder, output: Path) -> Run | None:
    """The run of a folder that another tool or log made; None if it has no checkpoint that can be read."""
    training = checkpoints_of(output)
    if training is None:
        return None
    saved, started = training.checkpoints, training.started
    dataset = _text(started.config.get("dataset"), "repo_id")
    return Run(
        id=str(output),
        name=str(output.relative_to(folder.trainings if folder.trainings in output.parents else folder.outputs)),
        policy=started.policy,
        dataset=dataset,
        reached=reached(training),
        steps=started.steps,
        loss=None,
        at=started.at,
        ended=saved[-1].at,
        status=SessionStatus.FINISHED if reached(training) >= started.steps > 0 else SessionStatus.ABORTED,
        output=output,
    )


def checkpoints_of(output: Path) -> Training | None:
    """A training as the checkpoints in its output folder tell it; None if it has none that can be read."""
    saved = [each for path in sorted(output.glob("checkpoints/[0-9]*")) for each in [_checkpoint(path)] if each]
    if not saved:
        return None
    saved.sort(key=lambda each: each.step)
    config = _config(Path(saved[-1].path))
    policy = config.get("policy")
    steps = config.get("steps")
    started = TrainingStarted(
        at=min(each.at for each in saved), policy=_text(policy, "type"), output_dir=str(output),
        steps=steps if isinstance(steps, int) else 0, batch_size=_number(config, "batch_size"),
        device=_text(policy, "device"), parameters=0, episodes=(), episodes_total=0, frames=0,
        log_freq=_number(config, "log_freq"), save_freq=_number(config, "save_freq"), config=config,
    )  # fmt: skip
    last = saved[-1]
    return Training(started=started, progress=TrainingProgressed(at=last.at, step=last.step), checkpoints=tuple(saved))


def _checkpoint(path: Path) -> CheckpointSaved | None:
    """A checkpoint's step, time and size; None for a link, or a folder that is none or cannot be read."""
    if not path.name.isdecimal() or path.is_symlink() or not (path / checkpoints.PRETRAINED).is_dir():
        return None
    try:
        files = [each.stat() for each in path.rglob("*") if each.is_file()]
        at = max((each.st_mtime for each in files), default=path.stat().st_mtime)
    except OSError:
        return None
    return CheckpointSaved(
        at=at, step=int(path.name), path=str(path), bytes=sum(each.st_size for each in files), seconds=0.0
    )


def _config(checkpoint: Path) -> dict[str, Any]:
    """LeRobot's train_config.json, or of an older or a foreign one at least the policy's config.json."""
    pretrained = checkpoint / checkpoints.PRETRAINED
    config = _json(pretrained / "train_config.json")
    return config if config.get("policy") else config | {"policy": _json(pretrained / checkpoints.CONFIG)}


def _json(path: Path) -> dict[str, Any]:
    """What a file that may come from anywhere holds; nothing of one that is no such file, however it is none."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        with opened(path) as file:
            data = file.read(LARGEST + 1)
        found = msgspec.json.decode(data) if len(data) <= LARGEST else None
        return found if isinstance(found, dict) and not _deep(found) else {}
    return {}


def _deep(found: object) -> bool:
    """Whether it is nested deeper than any configuration, and than what reads and writes it can follow."""
    level: list[object] = [found]
    for _ in range(DEEPEST):
        level = [
            each for part in level if isinstance(part, dict | list)
            for each in (part.values() if isinstance(part, dict) else part)
        ]  # fmt: skip
        if not level:
            return False
    return True


def _text(part: object, key: str) -> str:
    found = part.get(key) if isinstance(part, Mapping) else None
    return found if isinstance(found, str) else ""


def _number(part: Mapping[str, Any], key: str) -> int:
    found = part.get(key)
    return found if isinstance(found, int) else 0


# -- opening ------------------------------------------------------------------------------------------


def open_run(folder: DataFolder, run: Run) -> OpenedRun:
    """All that is on disk of a run. Raises OSError if its events exist but cannot be read."""
    session = run.session
    if session is None:
        training = checkpoints_of(Path(run.id))
        snapshot = Snapshot(training=training) if training else Snapshot()
        return OpenedRun(snapshot, None, (), Path(run.id) / "metrics.jsonl")
    place = folder.run(session.id)
    snapshot = replay(read_events(place.events)) if place.events.exists() else Snapshot()
    if snapshot.started is None:  # its run folder was removed: the log still tells how it went
        snapshot = _from_log(session)
    request = session.request if isinstance(session.request, TrainRequest) else None
    return OpenedRun(snapshot, request, _last_lines(place, snapshot), place.metrics)


def _from_log(session: Session) -> Snapshot:
    return replace(
        Snapshot(), started=session.started, training=session.training, ended=session.ended, notes=session.notes,
        tags=session.tags, brought_in=session.brought_in,
        alarm_history=session.alarms, alarm_counts=session.alarm_counts,
        last_seq=session.last_seq,
    )  # fmt: skip


def _last_lines(run: RunFolder, snapshot: Snapshot) -> tuple[str, ...]:
    """The log lines of a worker that did not finish."""
    if snapshot.status is SessionStatus.FINISHED or (snapshot.running and is_live(run)):
        return ()
    return tuple(log_tail(run))

"""A watched run kept as a session: facts as events, points as metrics.jsonl. Keeping it again corrects that session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from services.datasets.cameras import camera_name
from services.folders import DataFolder
from services.live import events as ev
from services.live.metrics import encode_point
from services.log.importing.adding import Import, Outcome, add
from services.refusal import Refusal
from services.text import clean
from services.training.watching.points import MOST, End, Facts, LoggedRun, Point
from services.training.watching.source import STDIN, Source
from sessions.document import Training
from sessions.models import SessionStatus
from sessions.requests import TrainRequest

LEROBOT = {"data_s": "dataloading_s"}
"""The names that metrics.jsonl has for metrics, where they differ."""
MOST_NAMED = 1_000_000
"""Episodes that a configuration may name."""
STATUS = {
    End.FINISHED: SessionStatus.FINISHED, End.FAILED: SessionStatus.CRASHED, End.NONE: SessionStatus.ABORTED,
}  # fmt: skip


def keep(folder: DataFolder, source: Source, *, operator: str = "") -> Outcome:
    """Add every run of the source that has points to the log; one that was kept before gets what was added since.

    Raises Refusal if there is none, or if the log cannot be written.
    """
    runs = [run for run in source.runs if len(run.points)]
    if not runs:
        only = " but checkpoints, which lie there anyway" if any(run.saved for run in source.runs) else ""
        raise Refusal(f"{source.where} has no log point yet: there is nothing to keep{only}")
    return add(folder, [as_import(source.where, run, operator) for run in runs])


def as_import(where: str, run: LoggedRun, operator: str) -> Import:
    """The run as a session to add. The first points make it the same one, wherever the log lies by then."""
    facts, points, first, last = run.facts, run.points, run.points[0], run.points[len(run.points) - 1]
    named, came = name(where, run), where if where == STDIN else str(Path(where).absolute())
    request = TrainRequest(
        data_dir="", operator=operator, dataset=clean(facts.dataset), policy=clean(facts.policy), name=named,
        steps=facts.steps, batch_size=facts.batch_size, log_freq=facts.log_freq, save_freq=facts.save_freq,
    )  # fmt: skip
    metrics = [encode_point(step=p.step, at=p.at, samples=p.samples or 0, epochs=_epochs(run, p),
                            metrics={LEROBOT.get(n, n): v for n, v in p.metrics.items()})
               for p in points.since(0)]  # fmt: skip
    return Import(
        (
            ev.SessionStarted(
                at=first.at, id="", pid=0, host="", request=request, imported=came, import_key=_fingerprint(run)
            ),
            _started(run, first.at),
            *(ev.CheckpointSaved(at=s.at, step=s.step, path=s.path, bytes=s.bytes, seconds=0.0) for s in run.saved),
            _progress(run),
            ev.SessionEnded(at=last.at, status=STATUS[run.end], reason=_reason(run, last)),
        ),
        b"".join(metrics),
    )  # fmt: skip


def training_of(run: LoggedRun) -> Training:
    """What is known of a run, as of a training of the log."""
    saved = tuple(ev.CheckpointSaved(at=s.at, step=s.step, path=s.path, bytes=s.bytes, seconds=0.0) for s in run.saved)
    if len(run.points):
        return Training(started=_started(run, run.points.at[0]), progress=_progress(run), checkpoints=saved)
    at = min((each.at for each in saved), default=0.0)
    last = max(saved, key=lambda each: each.step, default=None)
    made = _reached(last, run) if last is not None else None
    return Training(started=_started(run, at), progress=made, checkpoints=saved)


def _reached(last: ev.CheckpointSaved, run: LoggedRun) -> ev.TrainingProgressed:
    seen = last.step * run.facts.batch_size
    epochs = seen / run.facts.frames if run.facts.frames else 0.0
    return ev.TrainingProgressed(at=last.at, step=last.step, samples=seen, epochs=epochs)


def name(where: str, run: LoggedRun) -> str:
    """A name for it: of its output folder, else of where it was found."""
    found = Path(run.facts.output_dir or ("" if where == STDIN else where)).name
    return clean(found or f"watched run {run.number}")[:60]


def _fingerprint(run: LoggedRun) -> str:
    first = run.points[0]
    told = [
        run.facts.output_dir,
        run.facts.policy,
        run.facts.dataset,
        first.at,
        first.step,
        sorted(first.metrics.items()),
    ]
    return hashlib.sha256(repr(told).encode("utf-8", "replace")).hexdigest()[:16]


def _started(run: LoggedRun, at: float) -> ev.TrainingStarted:
    facts = run.facts
    estimated = run.points.exact.count(False)
    notes = (f"{estimated} of {len(run.points)} steps are estimates: the log rounds them",) if estimated else ()
    return ev.TrainingStarted(
        at=at, policy=clean(facts.policy), output_dir=facts.output_dir, steps=facts.steps, batch_size=facts.batch_size,
        device=clean(facts.device), parameters=facts.parameters, episodes=_episodes(facts),
        episodes_total=facts.episodes,
        frames=facts.frames, cameras=_cameras(facts), log_freq=facts.log_freq, save_freq=facts.save_freq,
        notes=notes, config=_config(facts),
    )  # fmt: skip


def _config(facts: Facts) -> dict[str, Any]:
    """LeRobot's configuration without the list of episodes, which may be long."""
    dataset = facts.config.get("dataset")
    if not isinstance(dataset, dict):
        return facts.config
    return facts.config | {"dataset": {key: value for key, value in dataset.items() if key != "episodes"}}


def _episodes(facts: Facts) -> tuple[int, ...]:
    """Those that its configuration names; empty for all of the dataset, whose number it does not tell."""
    dataset = facts.config.get("dataset")
    named = dataset.get("episodes") if isinstance(dataset, dict) else None
    whole = isinstance(named, list) and len(named) <= MOST_NAMED
    told = [each for each in named if isinstance(each, int) and 0 <= each < MOST] if whole and named else []
    return tuple(sorted(set(told)))


def _cameras(facts: Facts) -> tuple[str, ...]:
    """The policy's, as its configuration has them."""
    policy = facts.config.get("policy")
    inputs = policy.get("input_features") if isinstance(policy, dict) else None
    features = inputs.items() if isinstance(inputs, dict) else ()
    return tuple(
        clean(camera_name(key)) for key, each in features if isinstance(each, dict) and each.get("type") == "VISUAL"
    )


def _epochs(run: LoggedRun, point: Point) -> float:
    return (point.samples or 0) / run.facts.frames if run.facts.frames else 0.0


def _progress(run: LoggedRun) -> ev.TrainingProgressed:
    point = next((p for p in _newest_first(run) if "loss" in p.metrics), run.points[len(run.points) - 1])
    finite = {LEROBOT.get(n, n): value for n, value in point.metrics.items() if isfinite(value)}
    return ev.TrainingProgressed(
        at=point.at, step=point.step, samples=point.samples or 0, epochs=_epochs(run, point), points=len(run.points),
        metrics=finite,
    )  # fmt: skip


def _newest_first(run: LoggedRun) -> Sequence[Point]:
    return [run.points[at] for at in range(len(run.points) - 1, max(-1, len(run.points) - 4), -1)]


def _reason(run: LoggedRun, last: Point) -> str:
    match run.end:
        case End.FINISHED:
            return "its log says that it ended"
        case End.FAILED:
            return run.failure
    return f"kept at step {last.step:,}: what became of it afterwards is not in the log"

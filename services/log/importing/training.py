"""A training of an import file as the events and the curves of a session. What is not recorded stays unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from math import isfinite

from services.live import events as ev
from services.live.metrics import encode_point
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile
from services.log.importing.remarks import remarks
from services.log.importing.tables import DatasetTable, PointTable, TrainingTable
from services.text import clean
from sessions.models import SessionStatus
from sessions.recorded import RecordedTraining
from sessions.requests import TrainRequest

METRICS = {"loss": "loss", "lr": "lr", "grad_norm": "grad_norm", "update_s": "update_s", "data_s": "dataloading_s"}
"""A point's keys, and LeRobot's names of them."""


def imports(file: ImportFile) -> list[Import]:
    """The trainings of the file, in its order."""
    return [_import(file, table, file.datasets[table.dataset]) for table in file.trainings]


def run_name(table: TrainingTable) -> str:
    """What its run is called."""
    return table.name or table.key


def _import(file: ImportFile, table: TrainingTable, dataset: DatasetTable) -> Import:
    at, day_only = when(table.date)
    took = table.took_s
    ended = at + took if at and took and not day_only else 0.0
    request = TrainRequest(
        data_dir="", operator=clean(table.operator), dataset=dataset.name, policy=table.policy,
        name=run_name(table), steps=table.steps_wanted or table.steps, batch_size=table.batch_size or 0,
        log_freq=0, save_freq=0, exclude_cameras=table.cameras_left_out,
    )  # fmt: skip
    origin = ev.SessionStarted(
        at=at, id="", pid=0, host="", request=request, imported=str(file.path), import_key=table.key, day_only=day_only
    )
    events = (
        origin,
        _started(table, dataset, at),
        *_checkpoints(table),
        _progress(table, dataset, ended),
        ev.SessionEnded(at=ended, status=SessionStatus.FINISHED, reason=_reason(table), took_s=took),
        *remarks(table),
    )
    return Import(events, b"".join(_line(table, dataset, point) for point in table.points))


def when(written: date | None) -> tuple[float, bool]:
    """(Unix time, whether only the day is known); 0 if it is not recorded. A time without a zone is this machine's."""
    if isinstance(written, datetime):
        return written.timestamp(), False
    if isinstance(written, date):
        return datetime.combine(written, time(), UTC).timestamp(), True
    return 0.0, False


def _started(table: TrainingTable, dataset: DatasetTable, at: float) -> ev.TrainingStarted:
    total, without = dataset.episodes or 0, table.episodes_left_out
    used = tuple(n for n in range(total) if n not in without) if without is not None else ()
    step_s = table.step_s if isinstance(table.step_s, tuple) else (table.step_s,) if table.step_s else ()
    return ev.TrainingStarted(
        at=at, policy=table.policy, output_dir=table.output_dir, steps=table.steps_wanted or table.steps,
        batch_size=table.batch_size or 0, device="", parameters=0, episodes=used, episodes_total=total,
        frames=_frames(table, dataset), cameras=table.cameras or (), excluded_cameras=table.cameras_left_out,
        left_out_decoded=table.left_out_cameras_decoded,
        recorded=RecordedTraining(
            images="x".join(map(str, table.image_px or ())), loss=table.loss, schedule=table.lr_schedule,
            lr_start=table.lr_start, step_s=step_s, hardware=table.hardware, resumed_at=table.resumed_at_steps,
            resized=clean(table.image_resize), flags=clean(table.flags),
        ),
    )  # fmt: skip


def _frames(table: TrainingTable, dataset: DatasetTable) -> int:
    """The frames that were trained on: all, unless episodes were left out, of whose lengths nothing is known."""
    return 0 if table.episodes_left_out else dataset.frames or 0


def _checkpoints(table: TrainingTable) -> list[ev.CheckpointSaved]:
    losses = {point.step: point.loss for point in table.points}
    where = table.output_dir.rstrip("/")
    digits = max(6, len(str(table.steps_wanted or table.steps)))
    return [
        ev.CheckpointSaved(
            step=step, path=f"{where}/checkpoints/{step:0{digits}}" if where else "", bytes=table.checkpoint_bytes or 0,
            seconds=0.0, loss=losses.get(step),
        )
        for step in sorted(set(table.checkpoint_steps))
    ]  # fmt: skip


def _samples(table: TrainingTable, step: int) -> int:
    return step * (table.batch_size or 0)


def _epochs(table: TrainingTable, dataset: DatasetTable, step: int) -> float:
    frames = _frames(table, dataset)
    return _samples(table, step) / frames if frames else 0.0


def _values(point: PointTable) -> dict[str, float]:
    found = {name: getattr(point, key) for key, name in METRICS.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _progress(table: TrainingTable, dataset: DatasetTable, at: float) -> ev.TrainingProgressed:
    """The last step, with what was written down of the whole training; the loss is the last point's."""
    told = {
        "lr": table.lr_end, "grad_norm": table.grad_norm, "update_s": table.update_s, "dataloading_s": table.data_s,
    }  # fmt: skip
    last = _values(table.points[-1]) if table.points else {}
    metrics = last | {name: value for name, value in told.items() if value is not None}
    finite = {name: value for name, value in metrics.items() if isfinite(value)}
    return ev.TrainingProgressed(
        at=at, step=table.steps, samples=_samples(table, table.steps), epochs=_epochs(table, dataset, table.steps),
        points=len(table.points), metrics=finite,
    )  # fmt: skip


def _reason(table: TrainingTable) -> str:
    wanted = table.steps_wanted or table.steps
    made = f"stopped at step {table.steps} of {wanted}" if table.steps < wanted else f"trained all {table.steps} steps"
    resumed = f", resumed at step {', '.join(map(str, table.resumed_at_steps))}" if table.resumed_at_steps else ""
    return f"{made}{resumed}{f': {clean(table.ended_because)}' if table.ended_because else ''}"


def _line(table: TrainingTable, dataset: DatasetTable, point: PointTable) -> bytes:
    samples, epochs = _samples(table, point.step), _epochs(table, dataset, point.step)
    return encode_point(step=point.step, at=0.0, samples=samples, epochs=epochs, metrics=_values(point))

"""A training's metrics as TensorBoard, W&B (offline) and trackio keep them: each where its own library is installed.

Each run gets a folder of its own, `NAME-SESSION`; trackio keeps all in one. Names of metrics are LeRobot's in W&B:
`train/loss`, `eval/loss`.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from services.exports.outbox import safe_name
from services.log.headline import policy_of, subject
from services.refusal import Refusal
from services.training.watching.points import Point, Points
from sessions.document import Session

PROJECT = "lab-console"
TRACKIO = "trackio"


def folder_name(session: Session) -> str:
    """The name of the run's folder."""
    return safe_name(f"{subject(session)[:48]}-{session.id}")


def write(kind: str, box: Path, session: Session, points: Points) -> None:
    """Write the run into this folder; nothing is sent to anyone.

    Raises Refusal if the library is not installed or fails, OSError if the disk does.
    """
    check_installed(kind)
    place = box / (kind if kind == TRACKIO else folder_name(session))
    place.mkdir(exist_ok=True)
    try:
        with redirect_stdout(io.StringIO()):  # trackio says how to look at it where it is not yet
            WRITERS[kind](place, session, points)
    except (OSError, Refusal):
        raise
    except Exception as error:  # what a library of somebody else's raises is not known beforehand
        raise Refusal(f"{kind} could not write session {session.id}: {type(error).__name__}: {error}") from error


def check_installed(kind: str) -> None:
    """Raises Refusal, with how to install it, if the library is not there."""
    if find_spec(kind) is None:
        raise Refusal(
            f"{kind} is not installed where lab-console is: `uv pip install {kind}` there, or export --as csv or json"
        )


def values(point: Point) -> dict[str, float]:
    """A point's metrics by the names under which they are exported."""
    named = {_name(name): value for name, value in point.metrics.items()}
    return named | ({"train/samples": float(point.samples)} if point.samples is not None else {})


def _name(metric: str) -> str:
    return f"eval/{metric.removeprefix('eval_')}" if metric.startswith("eval_") else f"train/{metric}"


def config(session: Session) -> dict[str, Any]:
    """What the run was asked for: LeRobot's configuration, and which session it is."""
    training = session.training
    known = {"session": session.id, "dataset": session.dataset, "policy": policy_of(session), "host": session.host}
    return (dict(training.started.config) if training else {}) | {"lab_console": known}


def tensorboard(place: Path, session: Session, points: Points) -> None:
    """An event file; TensorBoard keeps values as 32-bit floats.

    Written here and not by its writer, whose thread prints a traceback where the disk is full.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    began = session.started.at
    with (place / f"events.out.tfevents.{began:010.0f}.{session.id}").open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
        for point in points.since(0):
            scalars = [Summary.Value(tag=tag, simple_value=value) for tag, value in values(point).items()]
            event = Event(wall_time=point.at, step=point.step, summary=Summary(value=scalars))
            writer.write(event.SerializeToString())


def wandb(place: Path, session: Session, points: Points) -> None:
    """An offline run, which `wandb sync` uploads."""
    with _environment({"WANDB_ERROR_REPORTING": "false"}):  # read when it is imported
        import wandb as library

    quiet = library.Settings(
        mode="offline", silent=True, console="off", disable_git=True, save_code=False, disable_job_creation=True,
        x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True, x_save_requirements=False,
    )  # fmt: skip
    run = library.init(
        project=PROJECT, name=subject(session), id=session.id, dir=str(place), config=config(session), settings=quiet,
        tags=[tag[:64] for tag in session.tags],
    )  # fmt: skip
    for point in points.since(0):
        run.log(values(point) | {"_timestamp": point.at}, step=point.step)
    run.finish()
    library.teardown()  # until its service has written everything
    (place / "wandb" / "latest-run").unlink(missing_ok=True)  # it leads to where the run no longer is
    for log in (place / "wandb").glob("debug*.log"):
        log.unlink()
    for left in (place / "wandb").glob("*/*"):
        if left.name in ("logs", "tmp"):
            shutil.rmtree(left)


def trackio(place: Path, session: Session, points: Points) -> None:
    """A trackio folder, for `TRACKIO_DIR=... trackio show`. It takes its folder once, when it is first imported."""
    with _environment({"TRACKIO_DIR": str(place)}):
        import trackio as library

        library.init(project=PROJECT, name=folder_name(session), config=config(session), embed=False,
                     auto_log_gpu=False, auto_log_cpu=False)  # fmt: skip
        for point in points.since(0):
            library.log(values(point), step=point.step)
        library.finish()


WRITERS: Mapping[str, Callable[[Path, Session, Points], None]] = {
    "tensorboard": tensorboard,
    "wandb": wandb,
    "trackio": trackio,
}


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables, while the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)

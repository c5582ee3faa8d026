"""How a training of this machine's data folder is started for somebody elsewhere, looked after and stopped."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Protocol

import msgspec

from services.folders import DataFolder, RunFolder
from services.live import protocol as live
from services.live.crashes import close_crashed
from services.live.event_log import is_live, read_events
from services.live.launch import launch
from services.live.link import Link, LinkLost
from services.live.requests import read_request
from services.live.running import run_folders
from services.refusal import Refusal
from services.targets.protocol import JobState
from services.targets.slurm import may_run
from sessions.requests import TrainRequest

STARTING_S = 60.0
"""How long a worker may take until its first event."""
STOP_S = 20.0


class Job(Protocol):
    """A session's training, wherever its worker runs."""

    def begin(self, folder: DataFolder, request: TrainRequest) -> None:
        """Start it. Raises Refusal, OSError or FolderProblem."""

    def look(self) -> JobState | None:
        """What is to be said of it beyond its events; writes the end of one whose worker vanished. Raises OSError."""

    def vanished(self) -> str:
        """Why it will never have a first event; empty while it may."""

    @property
    def over(self) -> bool:
        """Whether a session that has ended will not be gone on with by itself."""

    def stop(self, by: str) -> str:
        """Stop it with a checkpoint, and return what its worker answered. Raises Refusal."""


class LocalJob:
    """A worker on this machine."""

    over = True

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def begin(self, folder: DataFolder, request: TrainRequest) -> None:
        """Launch it as any other session."""
        launch(folder, request, session=self.run.id)

    def look(self) -> JobState | None:
        """Write the end of one whose worker vanished."""
        if not is_live(self.run):
            close_crashed(self.run)
        return None

    def vanished(self) -> str:
        """Whether the worker should have said something long ago."""
        if read_events(self.run.events) or is_live(self.run):
            return ""
        late = time.time() - self.run.request.stat().st_mtime > STARTING_S
        return f"the worker ended before its first event; its log there is {self.run.log}" if late else ""

    def stop(self, by: str) -> str:
        """Ask the worker, as a console there would."""
        return asyncio.run(_finish(self.run, by))


async def _finish(run: RunFolder, by: str) -> str:
    link = Link(run, name="lab-console", drive=False)
    try:
        await link.attach(STOP_S)
        await link.ask(live.TakeOver(name=by))
        answer = await link.ask(live.Finish(by=by), STOP_S)
    except LinkLost as lost:
        raise Refusal(f"its worker does not answer: {lost}") from lost
    finally:
        await link.close()
    if not answer.ok:
        raise Refusal(answer.error)
    return answer.error


def check_free(folder: DataFolder, request: TrainRequest) -> None:
    """Raises Refusal if the training's dataset is not there, or its name is taken."""
    if not (folder.datasets / request.dataset).is_dir():
        raise Refusal(f"there is no dataset {request.dataset} in {folder.datasets}")
    taken = (folder.trainings / request.name).exists()
    if taken or request.name in (each.name for each in running_trainings(folder)):
        raise Refusal(f"a training {request.name} exists there: choose another name")


def running_trainings(folder: DataFolder) -> list[TrainRequest]:
    """What is asked for by the trainings that run here, or wait in a queue; what cannot be read is left out."""
    found = []
    for run in run_folders(folder):
        if not (is_live(run) or may_run(run)):
            continue
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            request = read_request(run)
            if isinstance(request, TrainRequest):
                found.append(request)
    return found

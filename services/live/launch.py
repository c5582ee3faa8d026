"""Start workers and the scribe, detached from this terminal."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from contextlib import suppress

from services.folders import DataFolder, FolderProblem, RunFolder, new_session_id
from services.live import warm
from services.live.event_log import EventLog
from services.live.requests import AnyRequest, TrainRequest, write_request
from services.text import clean
from sessions.files import why_unwritable

logger = logging.getLogger(__name__)

WORKERS = {
    "RecordRequest": "services.workers.record",
    "BenchRequest": "services.workers.bench",
    "TrainRequest": "services.workers.train",
    "EvalRequest": "services.workers.evaluate",
}


FOLLOWER = "services.workers.elsewhere"
"""The worker of a training that runs on another machine: it mirrors the session there."""


def worker_of(request: AnyRequest) -> str:
    """The module of this request's worker."""
    if isinstance(request, TrainRequest) and request.on is not None and request.on.followed:
        return FOLLOWER
    return WORKERS[type(request).__name__]


def launch(folder: DataFolder, request: AnyRequest, *, session: str = "") -> RunFolder:
    """Start a worker detached from this terminal, using the warm one if there is one; returns before it is ready.

    The worker's standard output and error go to `worker.log`; it has its own session and no terminal,
    so it survives this process and an SSH drop. `session` is its id if another machine chose it. Raises FolderProblem
    if the run folder cannot be written, OSError if the worker cannot be started; a scribe that cannot be started is a
    warning on this module's logger and in `worker.log`.
    """
    run = folder.run(session or new_session_id())
    try:
        run.root.mkdir(mode=0o755 if request.shared else 0o700, parents=True)
        if session:
            run.asked_elsewhere.touch()
        write_request(run, request)
    except OSError as error:
        shutil.rmtree(run.root, ignore_errors=True)
        raise FolderProblem(f"no session was started: {run.root} cannot be written: {why_unwritable(error)}") from error
    module = worker_of(request)
    if not warm.hand_over(folder, run, module):
        spawn(run, module)
    _try_to_start_scribe(folder, run)
    return run


def _try_to_start_scribe(folder: DataFolder, run: RunFolder) -> None:
    """Start the scribe. The worker runs without it, so a failure is only a warning."""
    try:
        start_scribe(folder)
    except OSError as error:
        why = f"the session runs, but the log follows it later, since the scribe cannot be started: {clean(str(error))}"
        logger.warning(why)
        with suppress(OSError), run.log.open("a") as log:
            log.write(f"lab-console: {why}\n")


_spawned: dict[str, subprocess.Popen[bytes]] = {}
"""The workers that this process started, by session id."""


def exit_status(run: RunFolder) -> int | None:
    """The exit status of a worker that this process started; None if it runs, or another process started it."""
    worker = _spawned.get(run.id)
    return None if worker is None else worker.poll()


def relaunch(folder: DataFolder, run: RunFolder, request: AnyRequest, log: EventLog) -> None:
    """Start a worker for a run that had ended, whose events are `log`; it takes over their lock.

    So no other process can start one as well, or take the run for a crashed one meanwhile. Raises OSError if the
    worker cannot be started: the lock is still held then.
    """
    spawn(run, worker_of(request), log.descriptor)
    log.hand_over()
    _try_to_start_scribe(folder, run)


def spawn(run: RunFolder, module: str, lock: int | None = None) -> None:
    """Start `python -P -m module RUN` detached (-P: no module from the operator's working directory).

    It inherits `lock`, the descriptor of its events, which hold the lock already.
    """
    inherited = () if lock is None else (lock,)
    with run.log.open("ab") as log:
        _spawned[run.id] = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(run.root), *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=warm.worker_environment(),
            start_new_session=True,
            close_fds=True,
            pass_fds=inherited,
        )


def start_scribe(folder: DataFolder) -> None:
    """Make sure that a scribe folds this data folder's events; it exits when nothing runs any more."""
    with (folder.root / "scribe.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "services.log.scribe", str(folder.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
        )


def log_tail(run: RunFolder, lines: int = 12) -> list[str]:
    """The last lines of worker.log, raw: escape them before showing."""
    with suppress(OSError):
        return run.log.read_text("utf-8", errors="replace").splitlines()[-lines:]
    return []

"""A worker's frame: its events, its socket, its signals, its end. What it does inside is the caller's."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from services.folders import FolderProblem, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, LogBusy
from services.live.requests import AnyRequest, BenchRequest, EvalRequest, RecordRequest, TrainRequest, read_request
from services.live.snapshots import Phase
from services.workers.process.context import Context
from services.workers.process.environment import prepare
from services.workers.process.journal import Journal
from services.workers.process.mailbox import Mailbox
from services.workers.process.server import Server
from sessions.models import SessionKind, SessionStatus

GIT_PATIENCE_S = 2.0
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The session ends before anything moved; says why and what to do."""


End = tuple[SessionStatus, str]


def run_worker(argv: list[str], body: Callable[[Context, Any], End]) -> int:
    """Run `body` as the worker of the run folder in argv[1]; returns the exit status.

    Whatever `body` raises ends the session as crashed with the error's first line; the traceback goes to
    worker.log, which is this process's standard error.
    """
    run = RunFolder(Path(argv[1]))
    request = read_request(run)
    prepare(Path(request.data_dir))
    try:
        log = EventLog(run)
    except LogBusy as busy:
        print(busy, file=sys.stderr)
        return 1
    mailbox = Mailbox()
    server = Server(run, receive=mailbox.receive, driver_lost=mailbox.lose_driver)
    journal = Journal(log, server.publish)
    signal.signal(signal.SIGTERM, lambda *_: mailbox.ask_to_end())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it has no terminal; a hang-up is not for it
    journal.tell(_started(run, request))
    status, reason = _run(body, Context(run, journal, server, mailbox), request)
    journal.commit(ev.SessionEnded(status=status, reason=reason))
    server.stop()
    journal.close()
    return 0 if status is SessionStatus.FINISHED else 1


def _run(body: Callable[[Context, Any], End], context: Context, request: AnyRequest) -> End:
    try:
        _open(context.server)
        context.journal.tell(ev.PhaseChanged(phase=Phase.STARTING.value, detail="loading LeRobot"))
        return body(context, request)
    except CannotStart as error:
        logger.error("%s", error)
        return SessionStatus.ABORTED, str(error)
    except Exception as error:  # the last line of defence: the session must say how it ended
        logger.exception("the worker failed")
        first = next(iter(str(error).splitlines()), "")
        return SessionStatus.CRASHED, f"{type(error).__name__}: {first}"


def _open(server: Server) -> None:
    """Raises CannotStart: a worker that no console reaches cannot be stopped, so it does not begin."""
    try:
        server.start()
    except (OSError, FolderProblem) as error:
        raise CannotStart(f"no console can reach this worker, its socket cannot be opened: {error}") from error


def _started(run: RunFolder, request: AnyRequest) -> ev.SessionStarted:
    common: dict[str, Any] = {
        "id": run.id,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "operator": request.operator,
        "versions": {"lab-console": _version("lab-console"), "lerobot": _version("lerobot")},
        "git_commit": _git_commit(),
    }
    if not isinstance(request, TrainRequest):  # the others sit at a bench
        profile = request.profile
        common |= {
            "bench": profile.name,
            "fps": request.fps,
            "simulated": profile.simulated,
            "profile": msgspec.to_builtins(profile),
        }
    return ev.SessionStarted(**common, **_asked_for(request))


def _asked_for(request: AnyRequest) -> dict[str, Any]:
    """What each kind of session tells of its request."""
    datasets = Path(request.data_dir) / "datasets"
    match request:
        case RecordRequest():
            return {
                "kind": SessionKind.RECORD,
                "task": request.task,
                "dataset": request.dataset,
                "dataset_root": str(datasets / request.dataset),
                "target_episodes": request.episodes,
                "episode_seconds": request.episode_seconds,
                "reset_seconds": request.reset_seconds,
                "config": {
                    "resume": request.resume,
                    "seed": request.seed,
                    "lockstep": request.lockstep,
                    "dataset": request.settings,
                },
            }
        case TrainRequest():
            asked = ("policy", "name", "steps", "batch_size", "log_freq", "save_freq", "exclude_cameras", "settings")
            return {
                "kind": SessionKind.TRAIN,
                "bench": "",
                "dataset": request.dataset,
                "dataset_root": str(datasets / request.dataset),
                "config": {name: getattr(request, name) for name in asked},
            }
        case EvalRequest():
            return {
                "kind": SessionKind.EVAL,
                "task": request.task,
                "dataset": request.dataset,
                "dataset_root": str(datasets / request.dataset),
                "checkpoint": request.checkpoint,
                "trained_in": request.trained_in,
                "target_trials": request.trials,
                "trial_seconds": request.trial_seconds,
                "config": {
                    "judge": request.judge,
                    "condition": request.condition,
                    "seed": request.seed,
                    "lockstep": request.lockstep,
                },
            }
        case BenchRequest():
            return {
                "kind": SessionKind.BENCH,
                "purpose": request.purpose.value,
                "config": {"rescue": request.rescue},
            }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _git_commit() -> str | None:
    """HEAD of the working directory; None where git finds no commit, is missing, refuses or takes too long."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    commit = done.stdout.decode(errors="replace").strip()
    return commit if done.returncode == 0 and COMMIT.fullmatch(commit) else None

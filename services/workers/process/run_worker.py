"""Runs a worker process around a session's `body`: events, socket, signals, end."""

from __future__ import annotations

import atexit
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.error_text import crash_reason
from services.folders import FolderProblem, RunFolder
from services.live import events as ev
from services.live import reserve
from services.live.event_log import EventLog, LogBusy
from services.live.requests import AnyRequest, EvalRequest, read_request
from services.live.snapshots import replay
from services.workers.process.context import Context
from services.workers.process.environment import prepare
from services.workers.process.journal import END_PATIENCE_S, LAST_PATIENCE_S, Journal
from services.workers.process.mailbox import Mailbox
from services.workers.process.server import Server
from services.workers.process.temporary import temporary_folder
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.workers.process.blinding import Blinding

GIT_PATIENCE_S = 2.0
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The session ends before anything has moved; the message says why and what to do."""


End = tuple[SessionStatus, str]


def run_worker(argv: list[str], body: Callable[[Context, Any], End], first: str = "loading LeRobot") -> int:
    """Run `body` as the worker of the run folder in argv[1]; returns the exit status.

    argv[2] is the descriptor of the run's events, with their lock, if the session goes on that they tell of. `first` is
    what it does before anything else; nothing is said if it is empty.
    Whatever `body` raises ends the session as crashed with the whole reason; the traceback goes to worker.log, which
    is this process's standard error. A status of RUNNING ends this process, and not the session: it goes on elsewhere.
    """
    run = RunFolder(Path(argv[1]))
    request = read_request(run)
    prepare(Path(request.data_dir))
    try:
        log = EventLog(run, inherited=int(argv[2]) if argv[2:] else None)
    except LogBusy as busy:
        print(busy, file=sys.stderr)
        return 1
    mailbox = Mailbox()
    blinding = _blinding(request)
    receive = blinding.received(mailbox.receive) if blinding else mailbox.receive
    server = Server(run, receive=receive, driver_lost=mailbox.lose_driver)
    reserve.keep(run)
    said = {"said": blinding.event} if blinding else {}
    journal = Journal(log, server.publish, make_room=partial(reserve.free, run), **said)

    def end(*_: object) -> None:
        mailbox.request_end()
        journal.end_within(END_PATIENCE_S)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a worker outlives the terminal that started it
    if not (argv[2:] or log.events):
        journal.emit(_started(run, request))
    with temporary_folder(run, Path(request.data_dir)):
        before = replay(log.events)
        status, reason = _run(body, Context(run, journal, server, mailbox, before), request, first)
    journal.end_within(LAST_PATIENCE_S)
    if status is not SessionStatus.RUNNING:
        journal.commit(ev.SessionEnded(status=status, reason=reason))
    server.stop()
    journal.close()
    reserve.free(run)
    return 0 if status is SessionStatus.FINISHED and not journal.gave_up else 1


def _run(body: Callable[[Context, Any], End], context: Context, request: AnyRequest, first: str) -> End:
    try:
        _open(context.server)
        if first:
            context.progress(first)
        return body(context, request)
    except CannotStart as error:
        logger.error("%s", error)
        return SessionStatus.ABORTED, str(error)
    except Exception as error:  # the session must report how it ended, whatever the error
        logger.exception("the worker failed")
        return SessionStatus.CRASHED, crash_reason(error)


def _blinding(request: AnyRequest) -> Blinding | None:
    """What hides a blinded evaluation's policies, also in what this process writes; None for any other session."""
    if not isinstance(request, EvalRequest) or not request.blinded:
        return None
    from services.workers.process.blinding import Blinding, hide_output

    blinding = Blinding(request)
    atexit.register(hide_output(blinding.words))
    return blinding


def _open(server: Server) -> None:
    """Open the socket. Raises CannotStart, since a worker that no console can reach cannot be stopped."""
    try:
        server.start()
    except (OSError, FolderProblem) as error:
        raise CannotStart(f"no console can reach this worker, its socket cannot be opened: {error}") from error


def _started(run: RunFolder, request: AnyRequest) -> ev.SessionStarted:
    return ev.SessionStarted(
        id=run.id,
        pid=os.getpid(),
        host=socket.gethostname(),
        request=request,
        versions={"lab-console": _version("lab-console"), "lerobot": _version("lerobot")},
        git_commit=_git_commit(),
    )


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _git_commit() -> str | None:
    """HEAD of the working directory; None if git finds no commit, is missing, fails or takes too long."""
    command = ["git", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    commit = done.stdout.decode(errors="replace").strip()
    return commit if done.returncode == 0 and COMMIT.fullmatch(commit) else None

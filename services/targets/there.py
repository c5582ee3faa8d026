"""`lab-console there`: what another lab-console calls on this machine, over ssh. It ends with its standard input."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from services.error_text import crash_reason
from services.folders import SESSION_ID, DataFolder, FolderProblem, RunFolder
from services.live import events as ev
from services.live.client import START_PATIENCE_S
from services.live.event_log import parse
from services.live.link import Link, LinkLost
from services.refusal import Refusal
from services.targets import protocol, received
from services.targets.finding import find
from services.targets.jobs import Job, LocalJob, check_free
from services.targets.slurm import SlurmJob
from services.targets.tails import Tail
from services.targets.versions import versions
from sessions.files import why_unwritable
from sessions.models import SessionStatus
from sessions.target import TargetKind

POLL_S = 0.2
LOOK_S = 2.0
"""How often a job is looked after."""
ACT_S = 60.0
"""How long what was begun or moved is waited for once the caller is gone: a half of it would be neither."""

logger = logging.getLogger(__name__)


class There:
    """Serves one caller. `write` takes whole lines."""

    def __init__(self, folder: DataFolder, write: Callable[[bytes], None]) -> None:
        self.folder, self._write = folder, write
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._acting: list[threading.Thread] = []

    def serve(self, lines: Iterable[bytes]) -> None:
        """Greet, then answer each line until there are no more."""
        root = self.folder.root
        self.say(
            protocol.Hello(
                protocol=protocol.VERSION, versions=versions(), data_dir=str(root), free=shutil.disk_usage(root).free,
                at=time.time(), rsync=shutil.which("rsync") is not None, slurm=shutil.which("sbatch") is not None,
            )
        )  # fmt: skip
        try:
            for line in lines:
                with suppress(msgspec.DecodeError):
                    request = protocol.decode_request(line)
                    thread = threading.Thread(target=self._answer, args=(request,), daemon=True)
                    if isinstance(request, protocol.Begin | protocol.Put):
                        self._acting.append(thread)
                    thread.start()
        finally:
            self._over.set()
            for thread in self._acting:
                thread.join(ACT_S)

    def say(self, message: protocol.Message) -> None:
        """Write a line, from any thread; a caller that is gone is noticed by its input."""
        with self._guard, suppress(OSError, ValueError):
            self._write(protocol.encode(message))

    def _answer(self, request: protocol.AnyRequest) -> None:
        answer = protocol.Answer(id=request.id)
        try:
            answer = self._do(request, answer)
        except (Refusal, FolderProblem) as problem:
            answer = protocol.Answer(id=request.id, error=str(problem))
        except OSError as error:
            text = f"{error.filename}: {why_unwritable(error)}" if error.filename else why_unwritable(error)
            answer = protocol.Answer(id=request.id, error=text)
        except Exception as error:  # the caller waits for an answer
            logger.exception("%s", type(request).__name__)
            answer = protocol.Answer(id=request.id, error=crash_reason(error))
        self.say(answer)

    def _do(self, request: protocol.AnyRequest, answer: protocol.Answer) -> protocol.Answer:
        match request:
            case protocol.Look(path=path):
                found, known = received.look(self.folder, path)
                return msgspec.structs.replace(answer, digest=found.digest, bytes=found.bytes, known=known)
            case protocol.Find(what=what):
                named = find(self.folder, what)
                return msgspec.structs.replace(answer, text=named.what, path=named.path)
            case protocol.Put():
                received.put(
                    self.folder, request.incoming, request.path, request.digest, replace=request.replace
                )  # fmt: skip
            case protocol.Begin():
                self._begin(request)
            case protocol.Follow():
                Following(self, self._run(request.session), request.metrics).start()
            case protocol.Stop():
                return msgspec.structs.replace(answer, text=job_of(self._run(request.session)).stop(request.by))
        return answer

    def _run(self, session: str) -> RunFolder:
        if not SESSION_ID.fullmatch(session):
            raise Refusal(f"{session!r} is no session")
        run = self.folder.run(session)
        if not run.request.exists():
            raise Refusal(f"there is no session {session} in {self.folder.root}: its run folder was removed there")
        return run

    def _begin(self, asked: protocol.Begin) -> None:
        run = self.folder.run(asked.session)
        if run.request.exists():
            return
        request = msgspec.structs.replace(asked.request, data_dir=str(self.folder.root), on=None)
        check_free(self.folder, request)
        if asked.target.kind is TargetKind.SLURM:
            SlurmJob(run, asked.target).begin(self.folder, request)
        else:
            LocalJob(run).begin(self.folder, request)

    @property
    def over(self) -> bool:
        """Whether the caller is gone."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait; returns whether the caller is gone."""
        return self._over.wait(seconds)


def job_of(run: RunFolder) -> Job:
    """The job of a session, by what its run folder holds."""
    return SlurmJob(run) if run.job.exists() else LocalJob(run)


class Following:
    """Sends what a session's files hold and get, metrics before the events that count them."""

    def __init__(self, there: There, run: RunFolder, metrics_at: int) -> None:
        self._there, self._run = there, run
        self._events, self._metrics = Tail(run.events), Tail(run.metrics, metrics_at)
        self._job, self._looked_at = job_of(run), float("-inf")
        self._held = b""
        self._state: protocol.JobState | None = None

    def start(self) -> None:
        """Follow on two threads of its own."""
        threading.Thread(target=self._follow, name="follow", daemon=True).start()
        if isinstance(self._job, LocalJob):
            threading.Thread(target=lambda: asyncio.run(self._listen()), name="live", daemon=True).start()

    def _follow(self) -> None:
        ended = False
        while not ended and not self._there.over:
            with suppress(OSError, Refusal, msgspec.MsgspecError):
                self._look()
            with suppress(OSError):  # the run folder was removed
                ended = self._send()
            self._there.wait(POLL_S)

    def _look(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        state = self._job.look()
        if state is not None and state != self._state:
            self._state = state
            self._there.say(state)

    def _send(self) -> bool:
        """Send what is new; returns whether the session has ended.

        The end of a session whose job may still go on waits until that is known, or until it has gone on.
        """
        lines = self._held + self._events.read()
        at = self._metrics.at
        if points := self._metrics.read():
            self._there.say(protocol.MetricLines(lines=points.decode(), at=at))
        events = list(parse(lines))
        ended = bool(events) and isinstance(events[-1], ev.SessionEnded)
        self._held = lines if ended and not self._job.over else b""
        if self._held:
            return False
        whole = lines.splitlines()
        for number, line in enumerate(whole, 1):
            self._there.say(protocol.EventLine(line=line.decode(), last=ended and number == len(whole)))
        if not lines and not self._events.at and (why := self._job.vanished()):
            end = ev.SessionEnded(status=SessionStatus.CRASHED, reason=why, at=time.time())
            self._there.say(protocol.EventLine(line=ev.encode(end).decode(), last=True))
            return True
        return ended

    async def _listen(self) -> None:
        """Pass on what the worker only says and does not write."""
        link = Link(self._run, name="lab-console", drive=False, on_event=self._pass_on)
        with suppress(LinkLost):
            await link.attach(START_PATIENCE_S)
            await link.until(lambda state: not state.running)
        await link.close()

    def _pass_on(self, event: ev.Event, _: object) -> None:
        if not event.seq:
            self._there.say(protocol.EventLine(line=ev.encode(event).decode(), live=True))

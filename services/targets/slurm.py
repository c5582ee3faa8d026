"""A training as a job of a cluster: a script for sbatch, what squeue, sacct and scontrol say of it, and scancel.

The job's worker shares the data folder with this machine and nothing else: its events are read, and signals stop it.
A job that was preempted is queued again by SLURM, and its script then resumes the session.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import msgspec

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, LogBusy, read_events
from services.live.reasons import Step
from services.live.requests import write_request
from services.live.snapshots import replay
from services.refusal import Refusal
from services.targets.protocol import JobState
from services.text import clean
from services.units import duration
from sessions.files import write_atomically
from sessions.models import SessionStatus
from sessions.requests import TrainRequest
from sessions.target import Target

TERM_BEFORE_END_S = 120
"""Seconds before its time limit at which a job is told to save a checkpoint."""
CALL_S = 30.0
ASK_S = 5.0
"""The least seconds between two questions to the cluster."""
AGAIN = frozenset({"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"})
"""States from which a job is queued again, if the cluster is set up so."""
AGAIN_S = 60.0
"""How long one may stay in such a state until it counts as over."""
FINAL = AGAIN | frozenset({
    "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT", "UNKNOWN",
})  # fmt: skip
"""States that a job does not leave otherwise."""
SUBMIT_S = 60.0
"""How long sbatch may take; a job that the cluster does not know by then was never submitted."""
SILENT_S = 30.0
"""How long after a stop a worker may say nothing until another stop cancels its job."""
STOPPED = "stopped"
"""The file of a run folder with a line for each stop, its time and who asked: a job that has one is not resumed."""
NEVER = "its job was never submitted, since what submits it was killed: start it again"
NO_SUCH_JOB = "Invalid job id"
"""What squeue says of a job that it does not know (any more); any other failure says nothing of the job."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    job: str = ""
    name: str = ""
    """What the job is called, and found by where its number was not kept."""
    target: Target


def script(run: RunFolder, folder: DataFolder, target: Target) -> str:
    """The job: the session's worker or, once it is queued again, what resumes the session."""
    lines = [f"#SBATCH {line}" if line.startswith("-") else line for line in target.extra]
    options = [line for line in lines if line.startswith("#SBATCH")]
    before = [line for line in lines if not line.startswith("#SBATCH")]
    worker = shlex.join([sys.executable, "-P", "-m", "services.workers.train", str(run.root)])
    again = f"{target.command} --data-dir {shlex.quote(str(folder.root))} train --resume {run.id}"
    return "\n".join((
        "#!/bin/bash",
        *options,
        *before,
        'if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then',
        f"  if [ -e {shlex.quote(str(run.root / STOPPED))} ]; then",
        "    echo 'it was stopped before it was queued again: it is not resumed'",
        "    exit 0",
        "  fi",
        f"  {_exec(again)}",
        "fi",
        f"exec {worker}",
        "",
    ))  # fmt: skip


def _exec(command: str) -> str:
    """The command in place of the shell, so that it gets the job's signals; several words of a shell are left alone."""
    return command if re.search(r"\bexec\b|[;&|]", command) else f"exec {command}"


def options(run: RunFolder, request: TrainRequest, target: Target) -> list[str]:
    """What sbatch is told besides the script."""
    log = str(run.log).replace("%", "%%")
    named = {"--partition": target.partition, "--gres": target.gres, "--time": target.time}
    return [
        "--parsable", "--requeue", "--open-mode=append", f"--job-name={_name(run, request)}", f"--output={log}",
        f"--signal=B:TERM@{TERM_BEFORE_END_S}", *(f"{name}={value}" for name, value in named.items() if value),
    ]  # fmt: skip


def _name(run: RunFolder, request: TrainRequest) -> str:
    return f"lab-{request.name}-{run.id}"


class SlurmJob:
    """The job of a session. `target` is only needed to begin it."""

    def __init__(self, run: RunFolder, target: Target | None = None) -> None:
        self.run, self._target = run, target
        self._asked_at = float("-inf")
        self._state = JobState(job="", state="")
        self._since = 0.0

    def begin(self, folder: DataFolder, request: TrainRequest) -> None:
        """Submit it. Raises Refusal with what sbatch said."""
        assert self._target is not None
        if shutil.which("sbatch") is None:
            raise Refusal("sbatch is not installed here: `host` of the target must be a machine that submits jobs")
        self.run.root.mkdir(mode=0o755 if request.shared else 0o700, parents=True)
        try:
            self.run.asked_elsewhere.touch()
            write_request(self.run, request)
            path = self.run.root / "job.sh"
            path.write_text(script(self.run, folder, self._target))
            kept = _Kept(name=_name(self.run, request), target=self._target)
            self._write(kept)
            said = _call("sbatch", *options(self.run, request, self._target), str(path))
            self._keep(kept, said.strip().partition(";")[0])
        except BaseException:
            shutil.rmtree(self.run.root, ignore_errors=True)
            raise

    def _write(self, kept: _Kept) -> None:
        write_atomically(self.run.job, msgspec.json.encode(kept))

    def _keep(self, kept: _Kept, number: str) -> None:
        """Note the job's number; one that cannot be noted could not be stopped, and is cancelled. Raises OSError."""
        try:
            self._write(msgspec.structs.replace(kept, job=number))
        except BaseException:
            with suppress(Refusal):
                _call("scancel", number)
            raise

    def ask(self) -> JobState:
        """What the cluster says of the job. Raises Refusal while nothing is known, and OSError."""
        if number := self._number():
            return state_of(number)
        if time.time() - self.run.job.stat().st_mtime < SUBMIT_S:
            raise Refusal("it is being submitted")
        return JobState(job="", state="UNKNOWN", detail=NEVER)

    def _number(self) -> str:
        """The job's number, asked for by its name if who submitted it was killed before it was noted."""
        kept = msgspec.json.decode(self.run.job.read_bytes(), type=_Kept)
        if kept.job:
            return kept.job
        said = _call("squeue", "--noheader", "--states=all", f"--name={kept.name}", "--format=%A")
        said = said or _try("sacct", "--noheader", "--parsable2", "-X", f"--name={kept.name}", "--format=JobID")
        number = said.strip().partition("\n")[0].strip()
        if number:
            with suppress(OSError):
                self._write(msgspec.structs.replace(kept, job=number))
        return number

    @property
    def over(self) -> bool:
        """Whether the job will not go on, as far as was asked."""
        state = self._state.state
        return state in FINAL and (state not in AGAIN or time.monotonic() - self._since > AGAIN_S)

    def look(self) -> JobState | None:
        """Ask the cluster, now and then; write the session's end if its job is over and its worker left none.

        While the cluster does not answer, the job is taken to be as it was.
        """
        if time.monotonic() - self._asked_at >= ASK_S:
            self._asked_at = time.monotonic()
            try:
                state = self.ask()
            except Refusal as refusal:
                return msgspec.structs.replace(self._state, detail=str(refusal)) if self._state.state else None
            if state.state != self._state.state:
                self._since = time.monotonic()
            self._state = state
            if self.over:
                self._close()
        return self._state if self._state.state else None

    def _close(self) -> None:
        try:
            with EventLog(self.run) as log:
                if log.events and replay(log.events).running:
                    log.append(ev.SessionEnded(status=SessionStatus.CRASHED, reason=self._end()))
        except LogBusy:  # its worker is not quite gone: ask again
            self._state = msgspec.structs.replace(self._state, state="COMPLETING")

    def _end(self) -> str:
        state = self._state
        if not state.job:
            return state.detail
        why = f" ({state.detail})" if state.detail else ""
        return f"job {state.job} ended as {state.state.lower()}{why}; its log is {self.run.log}"

    def vanished(self) -> str:
        """How the job ended, if it did before its worker said anything."""
        return self._end() if self.over and not read_events(self.run.events) else ""

    def stop(self, by: str) -> str:
        """Let the worker save a checkpoint and end; cancel a job that waits, or whose worker does not react."""
        state, before = self.ask(), self._stops()
        if state.state in FINAL - AGAIN:
            raise Refusal(f"{f'job {state.job}' if state.job else 'it'} has ended already ({state.state.lower()})")
        waits = state.state in AGAIN | {"PENDING"}
        cancels, text = another_stop(before, time.time(), reacted=_stopping(read_events(self.run.events)))
        stopped = self.run.root / STOPPED
        with stopped.open("a", encoding="utf-8") as lines:  # first: queued again from now on, it is not resumed
            lines.write(f"{time.time():.0f} {by}\n")
        try:
            _call("scancel", *(() if waits or cancels else ("--signal=TERM", "--batch")), state.job)
        except Refusal:
            if not before:
                stopped.unlink(missing_ok=True)
            raise
        return f"job {state.job} is cancelled" if waits or cancels else text

    def _stops(self) -> list[float]:
        """When it was stopped (Unix time)."""
        try:
            lines = (self.run.root / STOPPED).read_text("utf-8").splitlines()
        except OSError:
            return []
        return [float(line.partition(" ")[0]) for line in lines if line[:1].isdigit()]


def another_stop(before: list[float], now: float, *, reacted: bool) -> tuple[bool, str]:
    """(whether it cancels the job, what to answer) of a stop at `now` after those at `before` (Unix time).

    A worker that reacted saves its checkpoint, or kills a trainer that hangs, as one on this machine does at another
    stop. Nothing is cancelled before that was said.
    """
    if not before:
        return False, ""
    if reacted:
        return False, "it is stopping already: another stop kills a trainer that hangs, and nothing else"
    silent = now - before[0]
    if len(before) > 1 and silent >= SILENT_S:
        return True, ""
    again = f"another stop {f'in {duration(SILENT_S - silent)} ' if silent < SILENT_S else ''}cancels the job"
    return False, f"its worker has not reacted for {duration(max(1.0, silent))}: {again}, without a checkpoint"


def _stopping(events: list[ev.Event]) -> bool:
    """Whether the job's worker, of several the last one, has said that it stops."""
    for event in reversed(events):
        if isinstance(event, ev.SessionStarted | ev.TrainingResumed):
            return False
        if isinstance(event, ev.PhaseChanged) and event.step is Step.STOPPING:
            return True
    return False


def state_of(number: str) -> JobState:
    """What the cluster says of a job: squeue while it knows it, then sacct, then scontrol.

    Raises Refusal if it does not answer: nothing is known of the job then.
    """
    silent: Refusal | None = None
    try:
        if state := _squeue(number):
            return state
    except Refusal as refusal:
        silent = None if NO_SUCH_JOB in str(refusal) else refusal
    for ask in (_sacct, _scontrol):
        if state := ask(number):
            return state
    if silent is not None:
        raise silent
    return JobState(job=number, state="UNKNOWN", detail="SLURM does not know it any more")


def may_run(run: RunFolder) -> bool:
    """Whether the session is a job that waits or runs, as far as is known."""
    if not run.job.exists():
        return False
    events = read_events(run.events)
    if events and not replay(events).running:
        return False
    try:
        return SlurmJob(run).ask().state not in FINAL
    except (Refusal, OSError, msgspec.MsgspecError):
        return True


def _squeue(number: str) -> JobState | None:
    return _parse(number, _call("squeue", "--noheader", "--states=all", f"--jobs={number}", "--format=%T|%r"))


def _sacct(number: str) -> JobState | None:
    return _parse(number, _try("sacct", "--noheader", "--parsable2", "-X", f"--jobs={number}", "--format=State,Reason"))


def _scontrol(number: str) -> JobState | None:
    found = re.search(r"JobState=(\w+)\s+Reason=(\S+)", _try("scontrol", "--oneliner", "show", "job", number))
    return _parse(number, f"{found[1]}|{found[2]}") if found else None


def _parse(number: str, said: str) -> JobState | None:
    line = said.strip().splitlines()[-1] if said.strip() else ""
    state, _, detail = line.partition("|")
    if not state.strip():
        return None
    detail = clean(detail).strip()
    return JobState(job=number, state=state.split()[0].rstrip("+"), detail="" if detail in ("None", "") else detail)


def _try(*words: str) -> str:
    """Its standard output; empty if it fails or is not installed (accounting often is not)."""
    try:
        return _call(*words)
    except Refusal:
        return ""


def _call(*words: str) -> str:
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=CALL_S)
    except OSError as error:
        raise Refusal(f"{words[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise Refusal(f"{words[0]} did not answer for {CALL_S:.0f} s: is the cluster's controller up?") from None
    if done.returncode:
        said = clean(done.stderr.decode(errors="replace").strip())
        raise Refusal(f"{words[0]} refused it: {said or f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace")

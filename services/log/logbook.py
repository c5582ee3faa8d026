"""Operations on the log, for the Log screen and the command line: list it, add notes and tags."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from services.folders import DataFolder, FolderProblem, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, LogBusy, is_live
from services.live.running import unreadable_runs
from services.live.snapshots import Snapshot
from services.log.damage import unseen
from services.log.problem import LogbookProblem
from services.log.scribe import Scribe, fold
from services.text import clean
from sessions.document import Session
from sessions.models import NoteKind
from sessions.store import StoreProblem

ANSWER_S = 2.0
"""How long a running worker may take to answer."""
LONGEST_NOTE = 10_000
LONGEST_TAG = 64


@dataclass(frozen=True)
class Logbook:
    """Every session, newest first; `message` reports problems with the log itself."""

    sessions: tuple[Session, ...] = ()
    message: str | None = None


def sessions(folder: DataFolder) -> Logbook:
    """The log, brought up to date. Its message reports runs that cannot be read, and a log that cannot be written.

    Raises LogbookProblem if it cannot be read.
    """
    listed, message = read(folder, Scribe.sessions)
    return Logbook(tuple(listed), message)


def read[Found](folder: DataFolder, look: Callable[[Scribe], Found]) -> tuple[Found, str | None]:
    """What `look` finds in the log, brought up to date, and the message. Raises LogbookProblem as `sessions`."""
    with Scribe(folder) as scribe:
        message = ""
        try:
            scribe.step()
        except StoreProblem as problem:
            message = str(problem)
        try:
            found = look(scribe)
        except StoreProblem as problem:
            raise LogbookProblem(str(problem)) from problem
        texts = (scribe.message or message or unseen(folder), unreadable_runs(scribe.unreadable))
        return found, "; ".join(text for text in texts if text) or None


# -- annotate ---------------------------------------------------------------------------------------


def add_note(folder: DataFolder, session_id: str, text: str, author: str = "", kind: NoteKind = NoteKind.NOTE) -> None:
    """Add a remark, durably. Raises LogbookProblem."""
    text = _checked_note(text)
    run, _ = find_run(folder, session_id)
    command = protocol.AddNote(text=text, author=author, kind=kind)
    record_event(run, command, ev.NoteAdded(text=text, author=author, kind=kind))
    fold(folder)


def edit_note(
    folder: DataFolder, session_id: str, note: int, text: str, author: str = "", *, kind: NoteKind | None = None
) -> None:
    """Rewrite note number `note` (from 1), durably; the text before stays in the events. Raises LogbookProblem.

    Without a `kind` it keeps its own.
    """
    text = _checked_note(text)
    run, snapshot = find_run(folder, session_id)
    if not 1 <= note <= len(snapshot.notes):
        raise LogbookProblem(f"session {run.id} has no note {note}: it has {len(snapshot.notes)}")
    command = protocol.AddNote(text=text, author=author, note=note, kind=kind)
    record_event(run, command, ev.NoteEdited(note=note, text=text, author=author, kind=kind))
    fold(folder)


def _checked_note(text: str) -> str:
    text = text.strip()
    if not text:
        raise LogbookProblem("the note is empty: nothing was written")
    if len(text) > LONGEST_NOTE:
        raise LogbookProblem(f"a note has at most {LONGEST_NOTE:,} characters, this one has {len(text):,}: shorten it")
    return text


def set_tag(folder: DataFolder, session_id: str, tag: str, present: bool = True) -> None:
    """Add a tag to the session or remove it, durably; a leading `#` is ignored. Raises LogbookProblem."""
    tag = tag.strip().removeprefix("#")
    if problem := why_no_tag(tag):
        raise LogbookProblem(problem)
    run, _ = find_run(folder, session_id)
    event = ev.TagAdded(tag=tag) if present else ev.TagRemoved(tag=tag)
    record_event(run, protocol.SetTag(tag=tag, present=present), event)
    fold(folder)


def why_no_tag(tag: str) -> str:
    """Why this cannot be a tag, and what could be, as a sentence; empty if it can."""
    if not tag:
        return "a tag is one word, such as night-run: none was typed"
    if clean(tag) != tag:
        return "tags cannot contain control characters"
    if len(tag) > LONGEST_TAG:
        return f"a tag has at most {LONGEST_TAG} characters, this one has {len(tag)}"
    return f"tags cannot contain spaces: try {'-'.join(tag.split())}" if " " in tag else ""


def find_run(folder: DataFolder, session_id: str) -> tuple[RunFolder, Snapshot]:
    """The session's folder and state; a vanished worker's end is written first, so that later events follow it."""
    run = folder.run(session_id)
    if session_id in ("", ".", "..") or run.root.parent != folder.runs:
        raise LogbookProblem(f"{session_id!r} is no session id; `lab-console sessions` lists them")
    try:
        snapshot = close_crashed(run)
    except OSError as error:
        raise LogbookProblem(_unwritable(run, error)) from error
    if snapshot.started is None:
        raise LogbookProblem(f"{folder.runs} holds no events of session {session_id}: nothing can be added to it")
    return run, snapshot


def _unwritable(run: RunFolder, error: OSError) -> str:
    return f"{run.events} cannot be written: {error.strerror or error}; free the disk, or ask the session's owner"


def record_event(run: RunFolder, command: protocol.Command, event: ev.Event) -> None:
    """Have a live worker write the event, else write it; retried, since a worker may end meanwhile."""
    give_up = time.monotonic() + ANSWER_S
    while True:
        if is_live(run):
            if send(run, command, give_up):
                return
        else:
            with suppress(LogBusy):
                append(run, event)
                return
        if time.monotonic() > give_up:
            raise LogbookProblem(
                f"session {run.id} runs, but its worker does not listen to you; add it after the session, "
                "or ask whoever runs it"
            )
        time.sleep(0.05)


def append(run: RunFolder, event: ev.Event) -> None:
    """Write an event of a run without a worker, durably. Raises LogbookProblem, or LogBusy where one is at work."""
    try:
        with EventLog(run) as log:
            log.append(event)
    except OSError as error:
        raise LogbookProblem(_unwritable(run, error)) from error


def send(run: RunFolder, command: protocol.Command, give_up: float) -> bool:
    """Send one command to the run's worker; False if no worker listens (any more).

    Raises LogbookProblem if the worker refuses, or does not answer before `give_up` (monotonic time).
    """
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(max(give_up - time.monotonic(), 0.1))
            line.connect(str(run.socket))
            attach = protocol.Attach(id=1, name="logbook", drive=False, quiet=True)
            line.sendall(protocol.encode(attach) + protocol.encode(msgspec.structs.replace(command, id=2)))
            answer = _answer(line, 2, give_up)
    except TimeoutError:
        raise LogbookProblem(
            f"the worker of session {run.id} did not answer within {ANSWER_S:g} s: look at the session before "
            "you try again"
        ) from None
    except (OSError, FolderProblem):
        return False
    if answer is not None and not answer.ok:
        raise LogbookProblem(answer.error)
    return answer is not None


def _answer(line: socket.socket, command_id: int, give_up: float) -> protocol.Answer | None:
    """The answer to `command_id` among other messages; None if the worker closes the connection."""
    held = b""
    while data := line.recv(protocol.LINE_LIMIT):
        *lines, held = (held + data).split(b"\n")
        for answer in _answers(lines):
            if answer.id == command_id:
                return answer
        remaining = give_up - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        line.settimeout(remaining)
    return None


def _answers(lines: Sequence[bytes]) -> Iterable[protocol.Answer]:
    for text in lines:
        with suppress(msgspec.DecodeError):  # a newer worker may send other messages
            message = protocol.decode_message(text)
            if isinstance(message, protocol.Answer):
                yield message

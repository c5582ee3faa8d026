"""Operations on the log, for the Log screen and the command line: list, filter, annotate and mark."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.datasets.lock import DatasetProblem, dataset_lock
from services.datasets.marks import Mark, judge_mark, read_marks, write_mark
from services.datasets.renumbering import is_another
from services.folders import DataFolder, FolderProblem, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, LogBusy, is_live
from services.live.running import unreadable_runs
from services.live.snapshots import Snapshot
from services.log.damage import unseen
from services.log.headline import counts, policy_of, subject
from services.log.scribe import Scribe, fold
from services.text import clean
from sessions.document import Session
from sessions.models import Episode, Trial, Verdict
from sessions.store import StoreProblem

ANSWER_S = 2.0
"""How long a running worker may take to answer."""
LONGEST_NOTE = 10_000
LONGEST_TAG = 64


class LogbookProblem(Exception):
    """The log could not be read or added to. The message is one sentence: what, why, and what to do."""


@dataclass(frozen=True)
class Logbook:
    """Every session, newest first; `message` reports problems with the log itself."""

    sessions: tuple[Session, ...] = ()
    message: str | None = None


def sessions(folder: DataFolder) -> Logbook:
    """The log, brought up to date. Its message reports runs that cannot be read, and a log that cannot be written.

    Raises LogbookProblem if it cannot be read.
    """
    with Scribe(folder) as scribe:
        message = ""
        try:
            scribe.step()
        except StoreProblem as problem:
            message = str(problem)
        try:
            listed = scribe.sessions()
        except StoreProblem as problem:
            raise LogbookProblem(str(problem)) from problem
        texts = (scribe.message or message or unseen(folder), unreadable_runs(scribe.unreadable))
        return Logbook(tuple(listed), "; ".join(text for text in texts if text) or None)


# -- filter -----------------------------------------------------------------------------------------

_TERM = re.compile(r'(?P<open>\w+):(?=\s|$)|(?:(?P<key>\w+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')


def matching(listed: Iterable[Session], query: str) -> list[Session]:
    """The sessions that match every term of `query`, in their order.

    A term is `key:part` (kind, status, dataset, operator, bench, task, host, checkpoint, policy, tag, id), or text that
    may occur anywhere in the session. Case is ignored, quotes enclose a term with spaces, and a term with an unknown
    key is text.
    """
    terms = [_term(found) for found in _TERM.finditer(query)]
    return [session for session in listed if all(_matches(session, key, part) for key, part in terms)]


def _term(found: re.Match[str]) -> tuple[str, str]:
    """(key, part), both case-folded; the key is empty for text."""
    key = (found["key"] or found["open"] or "").casefold()
    part = (found["quoted"] if found["quoted"] is not None else found["plain"] or "").casefold()
    return (key, part) if not key or key in KEYS else ("", f"{key}:{part}")


_FIELDS = ("bench", "checkpoint", "dataset", "host", "id", "kind", "operator", "status", "task")
KEYS = frozenset({*_FIELDS, "policy", "tag"})


def _matches(session: Session, key: str, part: str) -> bool:
    match key:
        case "":
            return any(part in text.casefold() for text in _texts(session))
        case "tag":
            return any(part.removeprefix("#") in tag.casefold() for tag in session.tags) or not part
        case "policy":
            return part in policy_of(session).casefold()
        case _:
            return part in str(getattr(session, key)).casefold()


def _texts(session: Session) -> list[str]:
    """All of a session's searchable text."""
    plain = [str(getattr(session, key)) for key in _FIELDS]
    flags = {flag for episode in session.episodes for flag in episode.flags}
    notes = [text for note in session.notes for text in (note.text, note.author)]
    words = [subject(session), counts(session), session.trained_in, session.end_reason]
    modes = {trial.failure_mode for trial in session.trials}
    tags = [f"#{tag}" for tag in session.tags]
    return [*plain, *words, *_training_texts(session), *tags, *session.alarms, *notes, *flags, *modes]


def _training_texts(session: Session) -> list[str]:
    """A training's searchable text."""
    training = session.training
    if training is None:
        return [policy_of(session)]
    facts = training.started
    without = [f"without {camera}" for camera in facts.excluded_cameras]
    return [facts.policy, facts.output_dir, *facts.cameras, *without]


# -- annotate ---------------------------------------------------------------------------------------


def add_note(folder: DataFolder, session_id: str, text: str, author: str = "") -> None:
    """Add a remark, durably. Raises LogbookProblem."""
    text = text.strip()
    if not text:
        raise LogbookProblem("the note is empty: nothing was added")
    if len(text) > LONGEST_NOTE:
        raise LogbookProblem(f"a note has at most {LONGEST_NOTE} characters, this one has {len(text)}")
    run, _ = _find(folder, session_id)
    _record_event(run, protocol.AddNote(text=text, author=author), ev.NoteAdded(text=text, author=author))
    fold(folder)


def set_tag(folder: DataFolder, session_id: str, tag: str, present: bool = True) -> None:
    """Add a tag to the session or remove it, durably; a leading `#` is ignored. Raises LogbookProblem."""
    tag = tag.strip().removeprefix("#")
    if not tag or len(tag) > LONGEST_TAG or clean(tag) != tag or " " in tag:
        raise LogbookProblem(f"a tag is one word of at most {LONGEST_TAG} characters: {clean(tag)[:80]!r} is none")
    run, _ = _find(folder, session_id)
    event = ev.TagAdded(tag=tag) if present else ev.TagRemoved(tag=tag)
    _record_event(run, protocol.SetTag(tag=tag, present=present), event)
    fold(folder)


def mark_episode(folder: DataFolder, session_id: str, index: int, *, accepted: bool) -> None:
    """Accept or reject an episode, in the dataset's marks and in the log. `index` is the episode's in the dataset.

    While the session runs, its worker does it. Raises LogbookProblem.
    """
    run, snapshot = _find(folder, session_id)
    episode = next((e for e in snapshot.episodes if e.index == index), None)
    if episode is None:
        raise LogbookProblem(f"session {run.id} saved no episode {index}")
    command = protocol.MarkTake(take=episode.take, accepted=accepted)
    if not (is_live(run) and _send(run, command, time.monotonic() + ANSWER_S)):
        _mark_afterwards(run, snapshot, episode, accepted=accepted)
    fold(folder)


def judge_trial(folder: DataFolder, session_id: str, index: int, verdict: Verdict, judge: str = "") -> None:
    """Judge a trial that has no verdict yet, durably. `index` counts attempts from 1.

    While the session runs, its worker does it. Raises LogbookProblem, also if the trial already has a verdict.
    """
    run, snapshot = _find(folder, session_id)
    trial = next((t for t in snapshot.trials if t.index == index), None)
    if trial is None:
        raise LogbookProblem(f"session {run.id} has no trial {index}")
    if trial.verdict is not None:
        raise LogbookProblem(f"trial {index} of session {run.id} has its verdict: {trial.verdict.value}")
    _record_event(
        run,
        protocol.JudgeTrial(trial=index, verdict=verdict, judge=judge),
        ev.TrialJudged(trial=index, verdict=verdict, judge=judge),
    )
    try:
        if not is_live(run):
            _mark_verdict(run, snapshot, trial, verdict)
    finally:
        fold(folder)


def _mark_verdict(run: RunFolder, snapshot: Snapshot, trial: Trial, verdict: Verdict) -> None:
    """Write the verdict into the rollouts' marks, if the trial's motion was saved and still exists."""
    root = Path(snapshot.started.dataset_root if snapshot.started else "")
    if trial.episode_index is None or not root.is_absolute() or not root.is_dir():
        return
    try:
        with dataset_lock(root, run.id):
            _refuse_another(root, trial.episode_index)
            mark = judge_mark(root, trial.episode_index, verdict, session=run.id, take=trial.index)
            if mark is not None:
                _append(run, ev.EpisodeMarked(index=trial.episode_index, accepted=mark.accepted))
    except (DatasetProblem, LogBusy, OSError) as problem:
        raise LogbookProblem(f"the verdict is in the log, but not in the marks of {root.name}: {problem}") from problem


def _mark_afterwards(run: RunFolder, snapshot: Snapshot, episode: Episode, *, accepted: bool) -> None:
    """Mark the episode as the worker does: the sidecar first (training reads it), then the event."""
    root = Path(snapshot.started.dataset_root if snapshot.started else "")
    if not root.is_absolute() or not root.is_dir():
        raise LogbookProblem(f"the dataset of session {run.id} is not at {root} any more: it cannot be marked")
    try:
        with dataset_lock(root, run.id):
            mark = read_marks(root).get(episode.index, Mark(flags=episode.flags, session=run.id, take=episode.take))
            if mark.session not in ("", run.id):
                raise LogbookProblem(
                    f"episode {episode.index} of {root.name} is session {mark.session}'s by now: mark it there"
                )
            _refuse_another(root, episode.index)
            write_mark(root, episode.index, msgspec.structs.replace(mark, accepted=accepted))
            _append(run, ev.EpisodeMarked(index=episode.index, accepted=accepted))
    except (DatasetProblem, LogBusy) as problem:
        raise LogbookProblem(str(problem)) from problem
    except OSError as error:
        raise LogbookProblem(f"the marks in {root} cannot be written: {error.strerror or error}") from error


def _refuse_another(root: Path, episode: int) -> None:
    if is_another(root, episode):
        raise DatasetProblem(
            f"episode {episode} of {root.name} is not the one that was recorded under this number: its episodes were "
            f"renumbered or edited; `lab-console dataset {root.name}` shows the marks"
        )


def _find(folder: DataFolder, session_id: str) -> tuple[RunFolder, Snapshot]:
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


def _record_event(run: RunFolder, command: protocol.Command, event: ev.Event) -> None:
    """Have a live worker write the event, else write it; retried, since a worker may end meanwhile."""
    give_up = time.monotonic() + ANSWER_S
    while True:
        if is_live(run):
            if _send(run, command, give_up):
                return
        else:
            with suppress(LogBusy):
                _append(run, event)
                return
        if time.monotonic() > give_up:
            raise LogbookProblem(
                f"session {run.id} runs, but its worker does not listen to you; add it after the session, "
                "or ask whoever runs it"
            )
        time.sleep(0.05)


def _append(run: RunFolder, event: ev.Event) -> None:
    try:
        with EventLog(run) as log:
            log.append(event)
    except OSError as error:
        raise LogbookProblem(_unwritable(run, error)) from error


def _send(run: RunFolder, command: protocol.Command, give_up: float) -> bool:
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

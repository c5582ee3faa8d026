"""Another bench's log: its data folder, or a sessions.json alone. It is only read; nothing in it is changed."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from services.archive.versions import Damaged, Version, read
from services.folders import SESSION_ID, DataFolder, RunFolder
from services.live.event_log import parse
from services.live.snapshots import replay
from services.log.documents import document
from services.refusal import Refusal
from services.text import clean
from sessions.document import Session
from sessions.files import check_file, read_file
from sessions.models import SessionStatus
from sessions.store import CorruptStore, DamagedSessions, SessionStore, StoreProblem


@dataclass(frozen=True)
class Foreign:
    """A session of another log. `version` are its events; None if that log has its document only, then `run`, too."""

    session: Session
    version: Version | None = None
    run: RunFolder | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over: only then is it brought in."""
        return self.session.status is not SessionStatus.RUNNING


class ForeignLog:
    """Its sessions by id. `problems` are sentences on what of it cannot be read. Raises Refusal if it is no log."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.problems: list[str] = []
        folder = DataFolder(place) if place.is_dir() else None
        file = folder.sessions_file if folder else place
        if folder is None and _is_archive(place):
            raise Refusal(f"{place} is an archive: `lab-console unpack {place}` brings it in")
        self._runs = folder.runs if folder else None
        if folder is not None and not file.is_file() and not folder.runs.is_dir():
            raise Refusal(f"{place} has neither runs nor sessions.json: give a data folder, or a sessions.json")
        documents = self._documents(file) if file.is_file() or folder is None else []
        self._known = {session.id: session for session in documents}
        names = {path.name for path in self._runs.iterdir()} if self._runs and self._runs.is_dir() else set()
        ids = {name for name in names if SESSION_ID.fullmatch(name)} | self._known.keys()
        for name in sorted(name for name in ids if not SESSION_ID.fullmatch(name)):
            self.problems.append(f"session '{clean(name)}' is left out: that is no id of a session")
        self.ids = sorted(name for name in ids if SESSION_ID.fullmatch(name))

    def _documents(self, file: Path) -> list[Session]:
        """The documents, read from a copy: what is damaged in it is set aside there, as the console does."""
        try:
            data = read_file(file)
        except OSError as error:
            raise Refusal(f"{file} cannot be read: {error.strerror or error}") from error
        with tempfile.TemporaryDirectory(prefix="lab-console-") as folder:
            copy = Path(folder, "sessions.json")
            copy.write_bytes(data)
            try:
                return self._all(copy)
            except CorruptStore as damage:
                if self._runs is None:
                    raise Refusal(f"{file} is no log of lab console: {damage.reason}") from damage
                self.problems.append(f"its sessions.json is damaged ({damage.reason}): only its runs are read")
            except (StoreProblem, RecursionError) as problem:
                raise Refusal(f"{file} cannot be read: {str(problem).replace(str(copy), 'it')}") from problem
        return []

    def _all(self, copy: Path) -> list[Session]:
        with SessionStore(copy) as store:
            try:
                return store.all()
            except DamagedSessions as damage:
                reasons = (f"session {clean(name)} of its sessions.json is damaged: {why}"
                           for name, why in damage.reasons.items())  # fmt: skip
                self.problems += reasons
                return store.all()

    def run(self, session_id: str) -> RunFolder | None:
        """The session's folder, which need not exist; None if this is a file alone."""
        return RunFolder(self._runs / session_id) if self._runs else None

    def get(self, session_id: str) -> Foreign:
        """The session with its events, or else its document. Raises Damaged."""
        run = self.run(session_id)
        try:
            return _from_events(run) if run else Foreign(self._known[session_id])
        except FileNotFoundError:
            if session_id in self._known:
                return Foreign(self._known[session_id])
            raise Damaged("its folder has no events") from None
        except (OSError, Damaged) as error:
            if session_id in self._known:
                return Foreign(self._known[session_id])
            raise Damaged(str(error)) from error


def _is_archive(place: Path) -> bool:
    """Whether this file is a ZIP. Raises Refusal for a pipe or a device, which would be read without end."""
    try:
        check_file(place)
    except OSError as error:
        raise Refusal(f"{place} cannot be read: {error.strerror or error}") from error
    return zipfile.is_zipfile(place)


def _from_events(run: RunFolder) -> Foreign:
    data = read_file(run.events)
    version = read(data)
    if version.started.get("id") != run.id:
        raise Damaged(f"its events are of session {clean(str(version.started.get('id')))}")
    return Foreign(document(replay(parse(version.data))), version, run)

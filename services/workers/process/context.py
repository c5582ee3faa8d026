"""A worker's run folder, journal, socket server and mailbox."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from services.workers.process.journal import Journal
from services.workers.process.mailbox import Mailbox
from services.workers.process.server import Server
from sessions.models import NoteKind


@dataclass(frozen=True)
class Context:
    """Shared by all parts of one worker; `before` is the state in which a session is that goes on."""

    run: RunFolder
    journal: Journal
    server: Server
    mailbox: Mailbox
    before: Snapshot = field(default_factory=Snapshot)

    def progress(self, detail: str) -> None:
        """Report what is being loaded or connected during start-up."""
        self.journal.emit(ev.PhaseChanged(phase=Phase.STARTING.value, detail=detail))


def remark(command: protocol.AddNote | protocol.SetTag) -> ev.Event:
    """The event of a note or tag, in any kind of session."""
    if isinstance(command, protocol.AddNote):
        if command.note:
            return ev.NoteEdited(note=command.note, text=command.text, author=command.author, kind=command.kind)
        return ev.NoteAdded(text=command.text, author=command.author, kind=command.kind or NoteKind.NOTE)
    return ev.TagAdded(tag=command.tag) if command.present else ev.TagRemoved(tag=command.tag)

"""What every worker has at hand."""

from __future__ import annotations

from dataclasses import dataclass

from services import events as ev
from services import wire
from services.folders import RunFolder
from services.snapshots import Phase
from services.workers.journal import Journal
from services.workers.mailbox import Mailbox
from services.workers.server import Server


@dataclass(frozen=True)
class Desk:
    """Its run, its journal, its socket, its mailbox."""

    run: RunFolder
    journal: Journal
    server: Server
    mailbox: Mailbox

    def progress(self, detail: str) -> None:
        """Say what is being loaded or connected while the worker starts."""
        self.journal.tell(ev.PhaseChanged(phase=Phase.STARTING.value, detail=detail))


def remark(command: wire.AddNote | wire.SetTag) -> ev.Event:
    """The event of a person's remark, in any sitting."""
    if isinstance(command, wire.AddNote):
        return ev.NoteAdded(text=command.text, author=command.author)
    return ev.TagAdded(tag=command.tag) if command.present else ev.TagRemoved(tag=command.tag)

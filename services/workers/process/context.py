"""What every worker has at hand."""

from __future__ import annotations

from dataclasses import dataclass

from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.workers.process.journal import Journal
from services.workers.process.mailbox import Mailbox
from services.workers.process.server import Server


@dataclass(frozen=True)
class Context:
    """Its run, its journal, its socket, its mailbox."""

    run: RunFolder
    journal: Journal
    server: Server
    mailbox: Mailbox

    def progress(self, detail: str) -> None:
        """Say what is being loaded or connected while the worker starts."""
        self.journal.tell(ev.PhaseChanged(phase=Phase.STARTING.value, detail=detail))


def remark(command: protocol.AddNote | protocol.SetTag) -> ev.Event:
    """The event of a person's remark, in any session."""
    if isinstance(command, protocol.AddNote):
        return ev.NoteAdded(text=command.text, author=command.author)
    return ev.TagAdded(tag=command.tag) if command.present else ev.TagRemoved(tag=command.tag)

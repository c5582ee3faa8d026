"""Commands of a training, wherever it trains: nothing of it moves, and it can only be stopped."""

from __future__ import annotations

from services.live import protocol
from services.live.phases import Phase, refusal
from services.live.protocol import Code
from services.workers.process.context import Context, remark
from services.workers.process.replies import Received
from sessions.models import SessionKind


def finish_of(received: Received, context: Context, phase: Phase) -> protocol.Finish | None:
    """The command, if it stops the training, which is left to the caller; any other is obeyed or refused here."""
    if refusal(SessionKind.TRAIN, type(received.command), phase, set()) is not Code.OK:
        means_nothing = f"{type(received.command).__name__} means nothing in a training"
        received.refuse(f"{means_nothing}: it can only be stopped, with a checkpoint", Code.MEANINGLESS)
        return None
    match received.command:
        case protocol.AddNote() | protocol.SetTag() as command:
            context.journal.emit(remark(command), then=received.accept)
        case protocol.Stop():
            received.accept("nothing moves here: this is a training")
        case protocol.Finish() as finish:
            return finish
    return None

"""How a training was interrupted and went on, in words: for its page, and for the line above its curves."""

from __future__ import annotations

from datetime import tzinfo

from services.log.headline import local
from services.log.sections import Row, quiet, row, text
from services.tone import Tone
from services.units import duration
from sessions.document import Training
from sessions.facts import TrainingResumed
from sessions.models import SessionStatus
from sessions.times import utc


def interrupted(part: TrainingResumed) -> str:
    """How the part before ended: `it was stopped`."""
    if part.ended.status is SessionStatus.CRASHED:
        return "it crashed"
    if part.ended.status is SessionStatus.ABORTED:
        return "it was aborted"
    return "it had finished" if part.reached >= part.wanted > 0 else "it was stopped"


def sentence(part: TrainingResumed) -> str:
    """`resumed at 100 of 300, 2 h 00 m after it was stopped`."""
    return f"resumed at {part.step:,} of {part.steps:,}, {duration(part.pause)} after {interrupted(part)}"


def lost(part: TrainingResumed) -> str:
    """Which steps are made again; empty if none."""
    if not part.lost:
        return ""
    if part.lost == 1:
        return f"step {part.reached:,} was lost and made again"
    return f"steps {part.step + 1:,} to {part.reached:,} were lost and made again"


def resumed_rows(training: Training, zone: tzinfo | None) -> list[Row]:
    """Each interruption: where and when it went on, why it had ended, what was lost, and what had changed."""
    rows = []
    for part in training.resumed:
        by = " ".join(filter(None, ("by", part.by))) if part.by else ""
        host = f"on {part.host}" if part.host else ""
        rows.append(
            row(
                "resumed",
                text(sentence(part).removeprefix("resumed ")),
                quiet(" ".join(filter(None, (local(utc(part.at), zone), by, host)))),
                quiet(part.ended.reason),
                text(lost(part), Tone.WARNING),
                *(text(change, Tone.WARNING) for change in part.changed),
            )
        )
    return rows

"""A session's preflights on its page: each check with what was found and what mends it, and who confirmed what."""

from __future__ import annotations

from services.live.preflight_table import SIGNS, in_brief, worst_first
from services.live.preflights import newest
from services.log.sections import Row, Symbol, quiet, row, text
from services.tone import Tone
from services.units import plural
from sessions.document import Session
from sessions.facts import PreflightConfirmed, PreflightMade
from sessions.preflight import Check, Level

NAME = "preflight"
"""Of every row: a check's own name is longer than a page's column of names."""
TONES = {
    Level.GOOD: (Tone.SUCCESS, Symbol.YES),
    Level.WARNING: (Tone.WARNING, Symbol.WARNING),
    Level.BAD: (Tone.DANGER, Symbol.NO),
}


def preflight_rows(session: Session) -> list[Row]:
    """The newest preflight in full, the bad first; of those before it only how many there were."""
    made = newest(session.preflights)
    if made is None:
        return []
    before = sum(isinstance(each, PreflightMade) for each in session.preflights) - 1
    head = [in_brief(made.checks), f"{made.seconds:.1f} s"]
    rows = [row(NAME, *head, quiet(f"after {plural(before, 'other')}" if before else ""))]
    rows += [
        row(NAME, text(_confirmed(each), Tone.WARNING))
        for each in session.preflights
        if isinstance(each, PreflightConfirmed)
    ]
    return rows + [_row(check) for check in worst_first(made.checks)]


def _confirmed(event: PreflightConfirmed) -> str:
    by = f" by {event.by}" if event.by else ""
    return f"{', '.join(event.bad)}: bad, and trials began all the same{by}"


def _row(check: Check) -> Row:
    tone, symbol = TONES.get(check.level, (Tone.QUIET, Symbol.VOID))
    named = text(f"{check.name}: {SIGNS.get(check.level, check.level).lower()}", tone, symbol)
    return row(NAME, named, check.found, quiet(f"mend: {check.mends}" if check.mends else ""))

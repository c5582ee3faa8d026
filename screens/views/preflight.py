"""The preflight's table, and its line on the Evaluate screen. Pure: from the snapshot."""

from __future__ import annotations

from textual.content import Content

from screens.views import keys
from screens.views.sheet_rows import BLANK, Paragraph
from screens.views.signs import clean, signs
from services.live.preflight_table import SIGNS, in_brief, worst_first
from services.live.preflights import confirmation, newest
from services.live.snapshots import Snapshot
from sessions.preflight import Check, Level

TONES = {Level.GOOD: "$success", Level.WARNING: "$warning", Level.BAD: "bold $error", Level.UNCHECKED: "$quiet"}
LONGEST = 400
"""Characters shown of what was found."""
NAME, LONGEST_NAME = 24, 60
"""Characters of a check's name: at least that, and at most, where a third of the width is more."""
ONE_COLUMN = 56
"""Columns below which what was found begins under the check's name."""


def panel(snapshot: Snapshot) -> list[Content]:
    """In the policy's panel: the result in brief, then each check that is not good, the bad ones first."""
    made = newest(snapshot.preflights)
    if made is None:
        return []
    brief = Content.assemble(("preflight: ", "bold"), in_brief(made.checks), (f"  {keys.PREFLIGHT}", "bold $accent"))
    return [brief, *(_named(check) for check in worst_first(made.checks) if check.level in (Level.WARNING, Level.BAD))]


def _named(check: Check) -> Content:
    return Content.assemble(_sign(check.level), f" {clean(check.name, 24)}: {clean(check.found, LONGEST)}")


def _sign(level: Level) -> tuple[str, str]:
    s = signs()
    marks = {Level.GOOD: s.yes, Level.WARNING: s.warning, Level.BAD: s.no}
    return marks.get(level, s.void), TONES.get(level, "$quiet")


def heading(snapshot: Snapshot) -> list[Paragraph]:
    """Number, result and length, and who confirmed it."""
    made = newest(snapshot.preflights)
    if made is None:
        return [Paragraph(Content.styled("preflight", "bold $accent")), BLANK]
    words = f"preflight {made.preflight}: {in_brief(made.checks)}"
    parts: list[Content | str | tuple[str, str]] = [(words, "bold $accent"), (f"  {made.seconds:.1f} s", "$quiet")]
    if (by := confirmation(snapshot.preflights)) is not None:
        parts.append((f"  confirmed{f' by {clean(by.by, 30)}' if by.by else ''}", "bold $warning"))
    return [Paragraph(Content.assemble(*parts)), BLANK]


def table(snapshot: Snapshot, width: int) -> list[Paragraph]:
    """A paragraph for each check, and one for what mends it; the bad ones first."""
    made = newest(snapshot.preflights)
    if made is None:
        return [Paragraph(Content.styled("nothing was looked at yet", "$quiet"))]
    every = worst_first(made.checks)
    room = max(NAME, min(LONGEST_NAME, width // 3))
    column = max(len(clean(check.name, room)) for check in every) if every else 0
    return [paragraph for check in every for paragraph in _rows(check, column, room, narrow=width < ONE_COLUMN)]


def _rows(check: Check, column: int, room: int, *, narrow: bool) -> list[Paragraph]:
    level = SIGNS.get(check.level, clean(check.level, 12))
    name, style = clean(check.name, LONGEST_NAME if narrow else room), TONES.get(check.level, "$quiet")
    found, mends = clean(check.found, LONGEST), clean(check.mends, LONGEST)
    if narrow:
        head = Content.assemble(_sign(check.level), (f" {name} ", "bold"), (level, style))
        rows = [Paragraph(head), Paragraph(Content(f"  {found}"), 2)]
        return [*rows, Paragraph(Content.assemble(("  mend: ", "$quiet"), mends), 2)] if mends else rows
    indent = column + 15
    head = Content.assemble(_sign(check.level), (f" {name:<{column}} ", "bold"), (f"{level:<11} ", style), found)
    rows = [Paragraph(head, indent)]
    if mends:
        rows.append(Paragraph(Content.assemble(" " * indent, ("mend: ", "$quiet"), mends), indent))
    return rows

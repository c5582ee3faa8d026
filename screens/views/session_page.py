"""A session's page for the Log and for the end of a session. Pure: from the document to Content."""

from __future__ import annotations

import msgspec
from textual.content import Content

from screens.views.page_lines import NAME_CELLS, lines
from services.log.sections import Page, Section
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.requests import EvalRequest
from sessions.trials import added

CONDITIONS = "conditions"
"""The section with a table of the conditions."""


def session_page(
    session: Session,
    width: int,
    *,
    attempts: bool = True,
    whole: Evaluation | None = None,
    says: Section | None = None,
    curves: Section | None = None,
) -> Content:
    """The page in lines of at most `width` cells; without `attempts`, without the table of episodes or trials.

    `whole` is the evaluation that it belongs to, `says` what its trials say, `curves`
    what its run folder tells of a training (see `services.log.page.page`).
    """
    from services.log.page import page

    made = page(session, whole=whole, says=says, curves=curves)
    if not attempts:
        kept = tuple(section for section in made.sections if section.name not in ("episodes", "trials"))
        made = msgspec.structs.replace(made, sections=kept)
    drawn = [Content.assemble(*line) for line in lines(made, width)]
    at, placed = _map(session, made, width)
    return Content("\n").join([*drawn[:at], *placed, *drawn[at:]])


def _map(session: Session, made: Page, width: int) -> tuple[int, list[Content]]:
    """Before which line the table from above stands, with the successes at each place: below the conditions."""
    request = session.request
    names = [section.name for section in made.sections]
    if not isinstance(request, EvalRequest) or CONDITIONS not in names:
        return 0, []
    from screens.views.trial_says import success_map

    sums = added(session.results, lambda result: result.condition)
    rows, _ = success_map(request.conditions, sums, width - NAME_CELLS)
    above = msgspec.structs.replace(made, sections=made.sections[: names.index(CONDITIONS) + 1])
    indent = " " * NAME_CELLS
    return len(lines(above, width)), [Content.assemble(indent, row) for row in rows]

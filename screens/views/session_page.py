"""A session's page for the Log and for the end of a session. Pure: from the document to Content."""

from __future__ import annotations

from textual.content import Content

from screens.views.page_lines import lines
from services.log.sections import Section
from sessions.chains import Evaluation
from sessions.document import Session


def session_page(
    session: Session,
    width: int,
    *,
    attempts: bool = True,
    whole: Evaluation | None = None,
    says: Section | None = None,
) -> Content:
    """The page in lines of at most `width` cells; without `attempts`, without the table of episodes or trials.

    `whole` is the evaluation that it belongs to, `says` what its trials say (see `services.log.page.page`).
    """
    import msgspec

    from services.log.page import page

    made = page(session, whole=whole, says=says)
    if not attempts:
        kept = tuple(section for section in made.sections if section.name not in ("episodes", "trials"))
        made = msgspec.structs.replace(made, sections=kept)
    return Content("\n").join(Content.assemble(*line) for line in lines(made, width))

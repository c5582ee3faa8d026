"""A session's page for the Log and for the end of a session. Pure: from the document to Content."""

from __future__ import annotations

from textual.content import Content

from screens.views.page_lines import lines
from sessions.document import Session


def session_page(session: Session, width: int) -> Content:
    """The page in lines of at most `width` cells."""
    from services.log.page import page

    return Content("\n").join(Content.assemble(*line) for line in lines(page(session), width))

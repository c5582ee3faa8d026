"""Text from outside made harmless in Markdown: it shows as it is, and makes no markup, link, table or picture. Pure."""

from __future__ import annotations

import re

from markupsafe import Markup

from services.text import clean

_SIGNS = re.compile(r"(?P<interval>\[[-+]?\d[-+\d., ]*\](?![(\[:]))|[\\`*\[\]<>|#~&$]")
"""What is markup anywhere; numbers in brackets are none, unless what makes a link of them follows."""
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""Underscores that are not inside of a word."""
_BEGINS = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^()([-+])(?=\s|$)|^()([-=])(?=[-= ]*$)")
"""What makes a list, a heading or a rule of a line."""
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)|\b(www)(\.)")
"""What GitHub makes links of."""


def markdown(text: object) -> str:
    """The text for a line of Markdown; one that is Markup already stays."""
    if isinstance(text, Markup):
        return str(text)
    plain = " ".join(clean(str(text)).split())
    escaped = _SIGNS.sub(lambda found: found["interval"] or f"\\{found[0]}", plain)
    escaped = _EMPHASIS.sub(r"\\_", escaped)
    escaped = _ADDRESS.sub(lambda found: f"{found[1] or found[3]}\\{found[2] or found[4]}", escaped)
    return _BEGINS.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[4] or found[6]}", escaped)

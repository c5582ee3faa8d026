"""One line of progress on the terminal, for verbs without a session."""

from __future__ import annotations

import sys

from console.streams import raw
from services.text import clean


def progress(text: str) -> None:
    """Write it over the one before, or remove that with an empty text; nothing where nobody looks."""
    if sys.stderr.isatty():
        out = raw(sys.stderr)
        out.write(f"\r\x1b[K{clean(text)[:78]}")
        out.flush()

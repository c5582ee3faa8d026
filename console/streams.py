"""Standard output and error of the command line: nothing from outside reaches the terminal as a control sequence.

Names, tasks, notes, error messages and tracebacks are cleaned here, in the last place, whoever prints them. What
draws colours or a progress bar writes to `raw`, and cleans what it draws.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from services.text import plain


class CleanStream:
    """A text stream in front of another one."""

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot write is no reason to fail

    def write(self, text: str) -> int:
        """Write the text without control characters; returns the characters taken."""
        self.raw.write(plain(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextmanager
def clean_streams() -> Iterator[None]:
    """Within this, print() and sys.stderr write clean text."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", CleanStream(stream)) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def raw(stream: TextIO) -> TextIO:
    """The stream itself, for whoever writes control sequences of its own and cleans the text between them."""
    return stream.raw if isinstance(stream, CleanStream) else stream

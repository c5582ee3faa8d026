"""An error of a driver or a library as one paragraph for people: every line that says something, and what caused it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.text import clean

LONGEST = 600
"""Characters kept of a reason; libraries may put a whole traceback into a message."""
_FILE_OBJECT = re.compile(r"<_io\.\w+ name='?([^'>]+?)'?(?: mode='\w+')?(?: encoding='[^']*')?>")
_RUN_TOGETHER = re.compile(r"(?<=\))\.(?=[A-Z])")
_TRACEBACK = re.compile(r'Traceback \(most recent|\s*File "[^"]+", line \d+|\s*[~^]+\s*$')


def whole_reason(error: BaseException) -> str:
    """Every line of the error's message that says something, in one paragraph, then its causes in brackets.

    Open files are named by their path. The name of the error's class stands for a message that it lacks.
    """
    parts: list[str] = []
    for link in causes(error):
        text = message(link)
        if not any(text in part for part in parts):
            parts.append(text)
    whole = parts[0] + "".join(f" ({part})" for part in parts[1:])
    return whole if len(whole) <= LONGEST else f"{whole[: LONGEST - 3].rstrip()}..."


def crash_reason(error: BaseException) -> str:
    """The whole reason after the name of the error's class, for an error that nobody expected."""
    text, name = whole_reason(error), type(error).__name__
    return text if text.startswith(name) else f"{name}: {text}"


def message(error: BaseException) -> str:
    """The error's own message in one paragraph, without its causes and without a full stop."""
    text = _FILE_OBJECT.sub(r"\1", str(error))
    lines = [stripped for line in text.splitlines() if not _TRACEBACK.match(line) and (stripped := clean(line).strip())]
    joined = ""
    for line in lines:
        bullet = line.removeprefix("- ")
        joined += bullet if not joined else _between(joined, is_bullet=bullet != line) + bullet
    text = _RUN_TOGETHER.sub(". ", joined).rstrip(".")
    return f"{type(error).__name__}: {text}" if isinstance(error, KeyError) else text or type(error).__name__


def _between(before: str, *, is_bullet: bool) -> str:
    return ", " if is_bullet and before[-1] not in ":,;" else " " if before[-1] in ":,;.!?-{[(" else "; "


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, nearest first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__

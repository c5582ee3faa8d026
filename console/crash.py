"""What is left of an exception that nobody caught: a sentence for the operator, and the traceback in a file."""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from pathlib import Path

from services.text import clean

FILE = "console-crash.txt"
"""In the data folder; the last crash only."""
CONSOLE = "the console failed"
VERB = "this failed"
GOES_ON = "a session that runs goes on: `lab-console attach` shows it"
SAID_LIMIT = 200


def report(error: BaseException, folder: Path | None, what: str) -> str:
    """Write the traceback into the data folder, if there is one, and return the sentence to be printed."""
    where = _where(error)
    said = clean(f"{type(error).__name__}: {error}".rstrip(": "))[:SAID_LIMIT]
    sentence = f"{what}: {said} ({where}); {GOES_ON}"
    path = folder / FILE if folder is not None else None
    if path is not None:
        with suppress(OSError):
            at = time.strftime("%Y-%m-%d %H:%M:%S %z")
            path.write_text(f"{at}\n{''.join(traceback.format_exception(error))}", "utf-8", "backslashreplace")
            return f"{sentence}; for a report of this fault, the details are in {path}"
    return sentence


def _where(error: BaseException) -> str:
    """Function and line of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "nowhere known"

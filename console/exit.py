"""Exit statuses of the command line, and the error line printed with a failure."""

from __future__ import annotations

import sys

from services.text import clean, without_long_runs

OK, FAILED, BAD_USAGE = 0, 1, 2
STOPPED = 130
"""A training that somebody stopped before its last step, as shells report Ctrl-C: what follows `&&` must not run."""


def complain(text: object) -> None:
    """Print one line to standard error."""
    print(f"lab-console: {without_long_runs(clean(str(text)))}", file=sys.stderr, flush=True)

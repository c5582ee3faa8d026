"""The error raised where the log cannot be read or added to."""

from __future__ import annotations


class LogbookProblem(Exception):
    """The log could not be read or added to. The message is one sentence: what, why, and what to do."""

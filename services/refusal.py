"""The error raised by an operation that cannot be done."""

from __future__ import annotations


class Refusal(Exception):
    """An operation cannot be done. The message is one sentence: what, why, and what to do instead."""

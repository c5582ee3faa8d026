"""The error of an operation that cannot be done."""

from __future__ import annotations


class Refusal(Exception):
    """What cannot be done, why, and what to do instead, as one sentence."""

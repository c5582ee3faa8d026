"""A device that cannot be used, in a sentence."""

from __future__ import annotations


class DeviceProblem(Exception):
    """A device that cannot be used: which, why, and what to do, in a sentence."""


def sentence(device: str, error: Exception) -> str:
    """What is wrong with the device; a DeviceProblem says it already."""
    text = first_line(error)
    return str(error) if isinstance(error, DeviceProblem) or text.startswith(device) else f"{device}: {text}"


def first_line(error: Exception) -> str:
    """The first line that says something, or the kind of the error."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

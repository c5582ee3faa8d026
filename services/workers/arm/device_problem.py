"""A device that cannot be used, as a sentence: which one, the whole reason, and what mends it."""

from __future__ import annotations

from services.error_text import message, whole_reason
from services.workers.arm.remedies import remedy
from services.workers.arm.serial_bus import NoAnswer, Unplugged


class DeviceProblem(Exception):
    """A device that cannot be used; the message names it, the reason and what to do."""


def reason_of(error: Exception) -> str:
    """The whole reason; of a serial bus only its own sentence, which says already what its cause means."""
    return message(error) if isinstance(error, NoAnswer | Unplugged) else whole_reason(error)


def sentence(device: str, error: Exception, path: str = "") -> str:
    """What is wrong with `device`, whose port or file is `path` if known; a DeviceProblem says it already."""
    if isinstance(error, DeviceProblem):
        return str(error)
    found = remedy(error, path)
    text = found.reason or reason_of(error)
    named = text if text.startswith(device) else f"{device}: {text}"
    return f"{named}; {found.answer}" if found.answer else named

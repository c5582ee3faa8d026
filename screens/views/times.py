"""Times for a screen: the clock of today, the day of before. Pure."""

from __future__ import annotations

from datetime import datetime

RECENT_S = 12 * 3600
"""A night's work after midnight is still read by the clock."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def when(at: float, now: float) -> str:
    """`14:02` for today or the last twelve hours, `17 Feb` for this year, `2025` before; empty if unknown (0)."""
    if at <= 0:
        return ""
    try:
        then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    except (ValueError, OverflowError, OSError):
        return ""
    if 0 <= now - at < RECENT_S or then.date() == today.date():
        return then.strftime("%H:%M")
    return f"{then.day} {MONTHS[then.month - 1]}" if then.year == today.year else str(then.year)

"""Unix time as the log writes it."""

from __future__ import annotations

from datetime import UTC, datetime

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def utc(at: float) -> str:
    """Unix seconds as ISO 8601 UTC, to the second; what no calendar holds becomes its nearest day."""
    return datetime.fromtimestamp(min(max(at, 0.0), LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> float:
    """The Unix seconds of an ISO 8601 time; 0 where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0

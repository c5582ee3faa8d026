"""Conversion between Unix time and the log's ISO 8601 times."""

from __future__ import annotations

from datetime import UTC, datetime

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def utc(at: float) -> str:
    """Unix seconds as ISO 8601 UTC, to the second; clamped to the years 1970 to 9999."""
    return datetime.fromtimestamp(min(max(at, 0.0), LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> float:
    """Unix seconds of an ISO 8601 time; 0 if it is not one."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0

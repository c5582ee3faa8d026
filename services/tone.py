"""What a colour says; each surface (screen, shell, report) has its own colours."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """A word or a sign always stands beside it."""

    PLAIN = "plain"
    QUIET = "quiet"
    ACCENT = "accent"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"

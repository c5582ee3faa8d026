"""The meanings of colours; each surface (screen, shell, report) maps them to its own colours."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """The meaning of a colour. Never the only cue: a word or a sign always accompanies it."""

    PLAIN = "plain"
    QUIET = "quiet"
    ACCENT = "accent"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"

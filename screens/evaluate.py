"""Evaluate: to come."""

from __future__ import annotations

from screens.frame import LabScreen


class EvaluateScreen(LabScreen):
    """To come."""

    TITLE_WORD = "evaluate"

"""Train: to come."""

from __future__ import annotations

from screens.frame import LabScreen


class TrainScreen(LabScreen):
    """To come."""

    TITLE_WORD = "train"

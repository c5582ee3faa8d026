"""The form's field about an early end of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from screens.frame.field import Field, FieldKind
from screens.views.choices import Choice
from services.evaluation.early import OFF, USUAL

NAME = "sequential"
FIELDS = (
    Field(
        NAME,
        "early end",
        "Of two checkpoints: off, or the rates to tell apart, as 0.6 0.8 level 0.05 power 0.8 most 120 (pairs).",
        FieldKind.PICKER,
        free=True,
    ),
)
DEFAULTS = {NAME: OFF}


def choices() -> Sequence[Choice]:
    """Off, and the usual rates."""
    return [
        Choice(OFF, "the trials to judge are made"),
        Choice(USUAL, "ends by a rule that is fixed before, at a 5 % level and a power of 80 %"),
    ]

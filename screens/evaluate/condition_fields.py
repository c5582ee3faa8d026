"""The form's fields about start conditions and their order, and what they offer."""

from __future__ import annotations

from collections.abc import Sequence

from screens.frame.field import Field, FieldKind
from screens.views.choices import Choice
from screens.views.signs import clean
from services.bench.conditions import ALL, GRID, NONE
from services.bench.profiles import Profile
from services.log.trials.results import scene
from services.units import plural
from sessions.conditions import Order

FIELDS = (
    Field(
        "conditions",
        "start conditions",
        "Several with commas: names of lab.toml, all, grid, DATASET#EPISODE, or places as x180 y-60 (mm).",
        FieldKind.PICKER,
        free=True,
    ),
    Field(
        "order",
        "order of trials",
        "In blocks of one trial for each policy and condition: shuffled by a stored seed, or as listed.",
        FieldKind.PICKER,
    ),
    Field(
        "blinded",
        "blinded",
        "Whether policies have codes until you unblind: at the end, or with a reason before.",
        FieldKind.PICKER,
    ),
)
OPEN, BLINDED = "no", "yes"
DEFAULTS = {"conditions": NONE, "order": Order.RANDOM.value, "blinded": OPEN}


def choices(name: str, profile: Profile) -> Sequence[Choice]:
    """The conditions of lab.toml, or the orders."""
    if name == "blinded":
        return [Choice(OPEN, "policies have their names"), Choice(BLINDED, "for two or more, in the checkpoint field")]
    if name == "order":
        return [Choice(Order.RANDOM.value, "each block shuffled"), Choice(Order.LISTED.value, "each block as written")]
    listed, grid = profile.conditions, profile.conditions_grid
    every = [Choice(ALL, plural(len(listed), "condition") + " of lab.toml")] if len(listed) > 1 else []
    places = [Choice(GRID, plural(len(grid.conditions), "place") + " of lab.toml")] if grid else []
    return [Choice(NONE), *every, *places, *(Choice(clean(each.name), clean(scene(each))) for each in listed)]

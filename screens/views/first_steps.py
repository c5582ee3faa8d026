"""What an operator does first at a bench whose log is empty. Pure."""

from __future__ import annotations

from textual.content import Content

from screens.views import keys
from screens.views.measured import Part, rows
from screens.views.signs import signs
from services.tone import Tone
from sessions.bench import Profile


def first_steps(profile: Profile, width: int) -> list[Content]:
    """Three numbered lines with their keys, and what a bench needs before; gone after the first take."""
    steps = (
        (keys.RECORD, "record", "show the task with the leader, take by take" if not profile.simulated
         else "takes of the task: a scripted person moves the leader"),
        (keys.TRAIN, "train", "a policy on the accepted takes"),
        (keys.EVALUATE, "evaluate", "let the policy act, judge each trial with one key"),
    )  # fmt: skip
    found = [Content.styled("first steps", "bold $secondary")]
    for number, (key, verb, about) in enumerate(steps, 1):
        lead = Content.assemble((f" {number}  ", "bold $accent"), (f"{key} ", "bold $accent"), (f"{verb:<10}", "bold"))
        text = rows([Part(about, tone=Tone.QUIET)], max(10, width - lead.cell_length), 3)
        found += [(lead if at == 0 else Content(" " * lead.cell_length)) + line for at, line in enumerate(text)]
    return [*found, Content(""), *_before(profile, width), Content("")]


def _before(profile: Profile, width: int) -> list[Content]:
    """What comes before: nothing at the simulated bench."""
    if profile.simulated:
        return rows([Part("the simulated bench: nothing can break, no arm is needed", tone=Tone.QUIET)], width, 2)
    parts = [Part("before that: both arms need a calibration (lerobot-calibrate makes one)", tone=Tone.QUIET)]
    found = rows(parts, width, 3)
    if not profile.motion.rest:
        teach = "no rest pose is taught: the arm cannot go to rest, lab-console rest --teach shows it one"
        found += rows([Part(f"{signs().warning} {teach}", tone=Tone.WARNING)], width, 3)
    return found

"""What an evaluation's trials carry, in sentences: for its page, and for the Evaluate screen. Pure.

While a comparison of a fixed number of trials goes on, none is given: looked at again and again, chance alone shows a
difference sooner or later.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.log.sections import Section, row, section, text
from services.log.trials.arms import Arm, of_evaluation
from services.log.trials.numbers import carries, differing, several, two, voids
from services.log.trials.results import policy_name
from services.log.trials.standings import by_rule, why_not_yet
from services.refusal import Refusal
from services.text import clean
from services.tone import Tone
from services.units import plural
from sessions.chains import Evaluation, alone
from sessions.document import Session
from sessions.early import standing_in_all
from sessions.models import SessionKind

NAME = "says"
WAITING = "What the comparison says is being worked out."
MORE_TOGETHER = 12
"""As many policies as are compared: beyond, a table is no help, and each two take time."""


def policies(whole: Evaluation) -> list[str]:
    """The checkpoints that an evaluation compares, as requested, then those that were tried besides."""
    asked = getattr(whole.last.request, "checkpoints", ())
    return list(dict.fromkeys([*asked, *(each.checkpoint for each in whole.tried if each.result.judged)]))


def takes_long(session: Session, whole: Evaluation | None = None) -> bool:
    """Whether `sentences` may call for tests, which take up to a second at first: then not on an event loop."""
    if session.kind is not SessionKind.EVAL:
        return False
    return len(policies(whole or alone(session))) > 1


def sentences(session: Session, whole: Evaluation | None = None) -> list[str]:
    """What the trials of an evaluation say, all its sessions together; a sentence or two each.

    Settings that differ between policies come first, then what is void, then what can be concluded and what would tell
    more. Empty for another session, and where no trial counts.
    """
    if session.kind is not SessionKind.EVAL:
        return []
    whole = whole or alone(session)
    if not whole.judged:
        return []
    compared = policies(whole)
    try:
        arms = of_evaluation(whole)
    except Refusal:
        return []
    if len(compared) < 2:
        return [*voids(arms), carries(*arms[0].counts)]
    if (rule := standing_in_all(whole.sessions)) is not None:
        return [*voids(arms), *by_rule(*rule)]
    if why := why_not_yet(whole):
        return [why]
    return [*_ended_early(whole), *_untried(arms, compared), *said(arms)]


def said(arms: Sequence[Arm]) -> list[str]:
    """What the arms of one evaluation say of each other."""
    names = [arm.called for arm in arms]
    differ = differing(arms)
    if len(arms) == 1:
        return [*differ, *voids(arms), f"{names[0]}: {carries(*arms[0].counts)}"]
    if len(arms) == 2:
        return [*differ, *voids(arms), f"First is {names[0]}, second is {names[1]}.", *two(*arms)]
    if len(arms) > MORE_TOGETHER:
        return [*differ, *voids(arms), f"{len(arms)} policies are too many to compare each two of them."]
    order = "; ".join(f"arm {number} is {name}" for number, name in enumerate(names, 1))
    return [*differ, *voids(arms), f"{order[0].upper()}{order[1:]}.", *several(arms)]


def _ended_early(whole: Evaluation) -> list[str]:
    if not 0 < whole.judged < whole.wanted:
        return []
    return [
        f"It ended after {whole.judged} of the {plural(whole.wanted, 'trial')} that were planned: if it ended because "
        "of how the results looked, no test holds."
    ]


def _untried(arms: Sequence[Arm], compared: Sequence[str]) -> list[str]:
    there = {arm.checkpoint for arm in arms}
    return [f"No trial of {clean(policy_name(each))} counts." for each in compared if each not in there]


def conclusion(said: Sequence[str]) -> Section:
    """The section of a page that says it; the last sentence but one or two is what counts, so none is cut."""
    return section("conclusion", [row(NAME, text(each)) for each in said])


def waiting() -> Section:
    """The same while it is worked out."""
    return section("conclusion", [row(NAME, text(WAITING, Tone.QUIET))])

"""The table of a preflight. Pure."""

from __future__ import annotations

from services.evaluation.preflight.camera_checks import camera_checks
from services.evaluation.preflight.facts import Live, Reference
from services.evaluation.preflight.joint_checks import joint_checks
from services.evaluation.preflight.task_checks import task_checks
from sessions.preflight import Check, Level


def checks(reference: Reference, live: Live) -> tuple[Check, ...]:
    """Everything that the bench's pictures and readings say, without a motion."""
    made = (*camera_checks(reference, live), *joint_checks(reference, live), *task_checks(reference, live))
    if not reference.problem:
        return made
    unreached = Check(name="training data", level=Level.UNCHECKED, found=reference.problem)
    return (unreached, *(check for check in made if check.found != reference.problem))

"""The table of a preflight. Pure."""

from __future__ import annotations

from services.evaluation.preflight.camera_checks import camera_checks
from services.evaluation.preflight.facts import Live, Reference
from services.evaluation.preflight.joint_checks import joint_checks
from services.evaluation.preflight.task_checks import task_checks
from sessions.preflight import Check


def checks(reference: Reference, live: Live) -> tuple[Check, ...]:
    """Everything that the bench's pictures and readings say, without a motion."""
    return (*camera_checks(reference, live), *joint_checks(reference, live), *task_checks(reference, live))

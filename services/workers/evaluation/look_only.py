"""A session of an evaluation that ends with its preflight: it looks at bench, policies and data, and moves nothing.

There is no control loop. A stop has nothing to stop: it ends the session, which leaves the arm as it was found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from services.live.preflight_table import in_brief
from services.live.requests import EvalRequest
from services.workers.arm.devices import Devices, positions
from services.workers.evaluation import setup
from services.workers.inference.source import Model
from services.workers.process.context import Context
from services.workers.process.mailbox import Mailbox
from services.workers.process.run_worker import End
from sessions.models import SessionStatus

PERIOD_S = 0.02
PATIENCE_S = 1.5
"""How long all cameras together may take to give a picture; then each is asked by itself."""

logger = logging.getLogger(__name__)


def look(context: Context, request: EvalRequest, policies: Sequence[Model], devices: Devices, *, stay: bool) -> End:
    """Make the preflight and tell of it. Raises CannotStart where a policy cannot be used."""
    _, lineup = setup.line_up(context, request, policies, devices, stay=stay)
    preflight = setup.preflight(request, lineup, devices)
    context.progress("the preflight looks at bench, policy and data: nothing moves")
    since, pose = time.monotonic(), positions(devices.robot)
    while not _asked_to_end(context.mailbox):
        seen = _observation(devices, patient=time.monotonic() - since < PATIENCE_S) if preflight.due else None
        if (made := preflight.step(seen, pose)) is not None:
            context.journal.emit(made)
            return SessionStatus.FINISHED, f"preflight: {in_brief(made.checks)}; nothing was moved"
        time.sleep(PERIOD_S)
    return SessionStatus.ABORTED, "ended before the preflight was through; nothing was moved"


def _asked_to_end(mailbox: Mailbox) -> bool:
    """By a signal, or by a stop: then the arm is free at once for whoever wants to hold it."""
    return mailbox.terminate or mailbox.stopped


def _observation(devices: Devices, *, patient: bool) -> dict[str, Any] | None:
    """What the robot says, or else each camera that gives a picture; None as long as one may still come."""
    try:
        return dict(devices.robot.get_observation())
    except Exception as error:  # drivers may raise anything
        logger.info("the bench cannot be observed: %s", error)
    if patient:
        return None
    seen = {}
    for name, camera in devices.cameras.items():
        with suppress(Exception):  # as above; the preflight says which one gives none
            seen[name] = camera.read_latest()
    return seen

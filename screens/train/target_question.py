"""Before a training begins on another machine: whether it answers, and what the operator says to other versions."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from screens.views.signs import clean

if TYPE_CHECKING:
    from screens.frame.form import Form
    from services.live.requests import AnyRequest


_not_reached: dict[str, tuple[str, float]] = {}
"""Why a target did not answer and when (monotonic), by its name."""
SAID_S = 5.0
"""So long it is not called again: the fields are checked at each change, and each check would take its reason away."""


def check_reached(name: str) -> None:
    """Raises Refusal if this target did not answer a moment ago."""
    from services.refusal import Refusal

    why, at = _not_reached.get(name, ("", 0.0))
    if why and time.monotonic() - at < SAID_S:
        raise Refusal(why)


async def may_train_there(form: Form, request: AnyRequest) -> bool:
    """Whether to go on; the form says why not. Asks nothing of a training on this machine."""
    from screens.frame.dialogs import Choice, Question
    from services.live.requests import TrainRequest
    from services.targets.look import look
    from services.targets.ssh import Unreachable

    target = request.on if isinstance(request, TrainRequest) else None
    if target is None:
        return True
    place = clean(target.place)
    form.show_about(f"calling {place}")
    try:
        notes = await asyncio.to_thread(look, target)
    except Unreachable as reason:
        if form.has_fields:
            form.desk.bells.play("refused")
            _not_reached[target.name] = str(reason), time.monotonic()
            form.show_problems({"on": str(reason)})
        return False
    if not notes or not form.has_fields:
        return form.has_fields
    sentences = [f"{note}." for note in notes]
    choices = [Choice("y", "train there", "yes")]
    question = Question(form.desk, f"Train on {place} all the same?", sentences, choices)
    return await form.app.push_screen_wait(question) == "yes"

"""Before a training begins on this machine: whether the weights that its policy begins with can be had."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.refusal import Refusal

if TYPE_CHECKING:
    from screens.frame.form import Form
    from services.live.requests import AnyRequest


async def may_begin(form: Form, request: AnyRequest) -> bool:
    """Whether to go on; the form says why not. A training on another machine has that one's weights."""
    from services.live.requests import TrainRequest
    from services.training.initial_weights import check_weights

    if not isinstance(request, TrainRequest) or request.on is not None:
        return True
    form.show_about("looking for the weights that the policy begins with")
    try:
        await asyncio.to_thread(check_weights, request)
    except Refusal as refusal:
        if form.has_fields:
            form.refuse(refusal.said(form.called))
        return False
    return form.has_fields

"""Unblinding by key: before the end it takes a reason, and an empty line takes nothing."""

from __future__ import annotations

import pytest

from screens.frame.checked_entry import CheckedEntry
from services.live import protocol
from sessions.models import SessionKind, Verdict


@pytest.mark.parametrize("size", [(80, 24)])
async def test_before_the_end_an_empty_reason_is_asked_for_again(open_console, make_worker, size):
    async with open_console(size) as console:
        blinded = {"checkpoint": "A", "further_checkpoints": ("B",), "blinded": True, "target": 4}
        worker = await make_worker(kind=SessionKind.EVAL, **blinded)
        await console.attach(worker, "evaluate")
        worker.trial(Verdict.FAILURE)
        await console.press("W")
        await console.until(lambda: isinstance(console.app.screen, CheckedEntry))
        await console.press("enter")
        await console.sees("without a reason the codes stay: say why, or Esc")
        assert not worker.heard_of(protocol.Unblind)
        await console.press(*"lunch", "enter")
        await console.until(lambda: [each.reason for each in worker.heard_of(protocol.Unblind)] == ["lunch"])

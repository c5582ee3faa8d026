"""What a training needs, measured from its form by a key: shown as it is found, gone when the fields change."""

from __future__ import annotations

import psutil
import pytest

import services.training.preparation
from screens.frame.form import Form
from screens.train.form import TrainForm
from tests.support.forms import form, meaning, put, value
from tests.support.rig import wait_until
from tests.support.trainings import TINY, make_dataset
from tests.support.zygote import Zygote

pytestmark = pytest.mark.asyncio
KEY = "ctrl+n"


async def test_needs_are_measured_by_a_key_and_hold_for_what_was_asked(open_console, zygote: Zygote, monkeypatch):
    monkeypatch.setattr(services.training.preparation, "start", zygote.prepare)
    planned = []
    async with open_console(size=(120, 50)) as console:
        make_dataset(console.folder, cameras=True)
        await console.press("f4")
        await console.until(lambda: bool(console.screen.query(TrainForm)) and value(console, "dataset") == "cubes")
        assert "before the start ctrl+n takes a few steps that nobody keeps" in meaning(console)
        put(console, steps="", settings=" ".join(TINY), resize="48x36", without="front")
        put(console, batch_size="many")
        await console.press(KEY)
        await console.until(lambda: "a whole number" in form(console).row("batch-size").problem)
        form(console).row("policy").input.focus()
        put(console, batch_size="2", policy="ac")
        await console.pilot.pause()
        assert form(console).row("policy").open(typed=True), "its list lies over what is wrong"
        await console.press(KEY)
        await console.until(lambda: "knows no policy 'ac'" in form(console).row("policy").problem)
        put(console, policy="act")
        await console.press(KEY)
        await console.until(lambda: "policy act, " in meaning(console))
        await console.until(lambda: "s a step (" in meaning(console))
        assert "tokens 4 of pictures and 2 others" in meaning(console)
        assert "memory about " in meaning(console) and "disk 5 checkpoints of " in meaning(console)
        process = psutil.Process(form(console).draft.preparation.pid)

        put(console, name="mine")
        await console.until(lambda: "name" in form(console)._changed and "s a step (" in meaning(console))
        put(console, settings=" ".join((*TINY, "policy.n_heads=3")))
        await console.until(lambda: "the fields have changed: ctrl+n measures again" in meaning(console))
        assert "s a step (" not in meaning(console)
        await console.press(KEY)
        await console.until(lambda: "it would fail: " in meaning(console) and "building" not in meaning(console))
        monkeypatch.setattr(TrainForm, "post_message", lambda self, message: planned.append(message))
        form(console).start()
        monkeypatch.undo()
        await console.until(lambda: "then ctrl+n measures again" in console.text("#refusal"))
        assert not [message for message in planned if isinstance(message, Form.Planned)]
    wait_until(lambda: not process.is_running(), 20, "the process outlives its form")

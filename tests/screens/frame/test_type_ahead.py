"""Keys that come in one piece act one after the other."""

from __future__ import annotations

from textual.events import Key, Paste
from textual.widgets import Input

from console import type_ahead
from screens.record.screen import RecordScreen


def at_once(console, *typed):
    """As the driver does with what a slow link delivers: all in the queue before any of it acts."""
    for one in typed:
        event = one if isinstance(one, Paste) else Key(one, one if len(one) == 1 else None)
        console.app.post_message(event)


async def test_every_key_and_paste_lands_where_the_key_before_it_led(open_console):
    async with open_console() as console:
        at_once(console, "f3", "ctrl+u", *"quick", "enter", "ctrl+u", Paste("stack"), "tab", *"ann", "f7")
        await console.until(lambda: console.screen.id == "log")
        await console.press("f3")
        await console.until(lambda: console.screen.id == "record")
        values = {name: console.screen.query_one(f"#{name}", Input).value for name in ("dataset", "task", "operator")}
        assert values == {"dataset": "quick", "task": "stack", "operator": "ann"}  # Tab selects what stood there


async def test_keys_for_a_screen_that_is_never_ready_act_all_the_same(open_console, monkeypatch):
    monkeypatch.setattr(RecordScreen, "keys_wait", property(lambda self: True))
    monkeypatch.setattr(type_ahead, "PATIENCE_S", 0.05)
    async with open_console() as console:
        at_once(console, "f3", "f7", "f3", "escape", "f2")
        await console.until(lambda: "record" in console.app._screen_stacks and console.screen.id == "bench")

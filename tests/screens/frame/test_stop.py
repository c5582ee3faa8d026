"""The stop key on the screens: how long it took, and what happens when nothing answers."""

from __future__ import annotations

import console.stop_key_driver as console_driver
import services.arm_commands
from screens.frame.dialogs import NoAnswer
from services.live import protocol
from services.live.phases import Phase
from services.live.stop_line import StopLine
from sessions.models import SessionKind


async def test_the_banner_says_how_fast_it_held(open_console, make_worker):
    line = StopLine()
    async with open_console(line=line) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        assert line.aimed
        await console.press("x")
        await console.until(lambda: " ms · torque is on" in console.text("#banner"))
        assert "HELD by stop key after" in console.text("#banner")
        await console.press("F")
        await console.until(lambda: not console.desk.live)
        assert not line.aimed


async def test_silence_says_cut_the_power_and_a_rescue_worker_takes_over(open_console, make_worker, monkeypatch):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        worker.mute = {protocol.Stop}
        await console.attach(worker)
        rescuer = await make_worker(kind=SessionKind.BENCH, purpose="hold")
        rescuer.phase(Phase.HELD)
        asked = []

        def rescue(folder, run, pid, profile, operator):
            asked.append(run.id)
            return rescuer.run

        monkeypatch.setattr(services.arm_commands, "rescue", rescue)
        await console.press("escape")
        await console.until(lambda: isinstance(console.app.screen, NoAnswer))
        await console.sees("NO ANSWER: cut the power")
        await console.until(lambda: console.desk.link is not None and console.desk.link.run.id == rescuer.run.id)
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer))
        assert asked == [worker.run.id]
        assert "R release" in console.keys


async def test_x_is_a_letter_only_while_keys_go_to_a_text(open_console, make_worker):
    async with open_console() as console:
        typing = console_driver._text_entry.is_set
        await console.press("f3")
        await console.until(typing, "the form's field has the keys")
        await console.press("escape")
        await console.until(lambda: not typing(), "left the fields")
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.press("tab")
        await console.until(typing)
        await console.attach(worker)
        await console.until(lambda: not typing(), "the form is gone")
        await console.press("n")
        await console.until(typing, "a note")
        await console.press("enter")
        await console.until(lambda: not typing(), "the note is closed")
        await console.press("colon")
        await console.until(typing, "the palette")
        await console.press("escape")
        await console.until(lambda: not typing(), "the palette is closed")

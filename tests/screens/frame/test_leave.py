"""Leaving while a session runs."""

from __future__ import annotations

from screens.desk import attachment
from screens.frame.leave import LeaveQuestion
from services.live.phases import Phase
from services.live.stop_line import StopLine


async def test_the_esc_that_stops_leaves_the_question_open_however_fast_the_arm_holds(
    open_console, make_worker, monkeypatch
):
    monkeypatch.setattr(attachment, "JUST_S", 60.0)
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.press("q")
        console.desk.stop()  # the terminal's own thread: it overtakes the key
        await console.until(lambda: console.desk.snapshot.phase is Phase.HELD)
        await console.press("escape")
        assert isinstance(console.app.screen, LeaveQuestion)
        monkeypatch.setattr(attachment, "JUST_S", 0.0)
        await console.press("escape")
        assert not isinstance(console.app.screen, LeaveQuestion)

"""The Log's key for a report: a page below reports/ of the data folder, of the chosen session."""

from __future__ import annotations

from typing import Any

from services.live import events as ev
from services.live.requests import BenchRequest, Purpose
from tests.support.fake_desk import sim_profile
from tests.support.runs import ended, session_id, write_run


async def test_e_writes_a_page_and_says_where(open_console: Any) -> None:
    async with open_console((120, 40)) as console:
        write_run(console.folder, session_id(2))
        moved = BenchRequest(data_dir="", profile=sim_profile(), purpose=Purpose.HOLD)
        write_run(
            console.folder, session_id(1), ev.SessionStarted(id=session_id(1), pid=1, host="h", request=moved), ended()
        )
        await console.press("f7")
        await console.until(lambda: len(console.screen.query_one("#rows").lines) == 2)
        await console.press("E")
        await console.sees("report written: reports/")
        (page,) = (console.folder.root / "reports").iterdir()
        assert page.suffix == ".html" and session_id(2) in page.read_text() and "2 recorded, 1 kept" in page.read_text()
        await console.press("down", "E")
        await console.sees("is about the bench alone")
        assert [page] == list((console.folder.root / "reports").iterdir())

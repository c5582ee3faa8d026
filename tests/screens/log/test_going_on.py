"""Going on with an evaluation from the Log: offered where trials are left, explained before it starts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import services.evaluation.plan
from screens.frame.dialogs import Question
from services.folders import RunFolder
from services.live import events as ev
from sessions.models import Verdict
from tests.services.evaluation.test_resuming import FIRST, SECOND, S, begun, ran
from tests.support.fake_desk import FakeWorker, sim_profile
from tests.support.runs import BEGAN

F = Verdict.FAILURE


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests of the sessions that were begun."""
    asked: list[Any] = []

    def begin(folder: Any, request: Any) -> RunFolder:
        asked.append(request)
        worker = FakeWorker(folder, kind=request.kind)
        return worker.run

    monkeypatch.setattr(services.evaluation.plan, "begin", begin)
    return asked


async def open_log(console: Any, rows: int) -> None:
    await console.press("f7")
    await console.until(lambda: len(console.screen.query_one("#rows").lines) == rows)


async def test_c_says_where_it_stands_and_starts_the_next_session_of_what_is_left(
    open_console: Any, started: list[Any], tmp_path: Any
) -> None:
    slow = msgspec.structs.replace(sim_profile().motion, max_joint_speed=20.0)
    profile = msgspec.structs.replace(sim_profile(), motion=slow)
    async with open_console((120, 40), {"sim": profile}) as console:
        begun(console.folder.root.parent, S, F, profile=sim_profile(), folder=console.folder)
        await open_log(console, 1)
        assert "C go on" in console.keys
        await console.press("C")
        await console.until(lambda: isinstance(console.app.screen, Question))
        await console.sees("2 of 10 trials are judged, 1 success: 8 are left")
        await console.sees("motion.max_joint_speed was 60.0, and is 20.0 now")
        await console.sees("nothing moves until you start a trial")
        assert not started
        await console.press("y")
        await console.until(lambda: bool(started) and console.app.current_mode == "evaluate")
        assert (started[0].resumes, started[0].trials, started[0].operator) == (FIRST, 8, "me")


async def test_one_that_is_done_offers_nothing_and_both_parts_show_the_sum(open_console: Any, started: Any) -> None:
    async with open_console((220, 40)) as console:
        _, _, asked = begun(console.folder.root.parent, *[S] * 9, profile=sim_profile(), folder=console.folder)
        before = {"resumes": FIRST, "trials": 1}
        ran(console.folder, msgspec.structs.replace(asked, **before), SECOND, F, at=BEGAN + 900)
        await open_log(console, 2)
        await console.sees("part 2 of 2, in all 10 of 10, 90 % [60, 98]")
        assert "C go on" not in console.keys
        await console.press("C")
        await console.sees("all of its 10 trials are judged: a new evaluation is another measurement")
        assert not started
        await console.press("left")
        await console.sees("stopped before it")


async def test_one_of_another_bench_names_the_way_to_it(open_console: Any, started: Any) -> None:
    async with open_console() as console:
        begun(console.folder.root.parent, S, folder=console.folder)
        await open_log(console, 1)
        await console.press("C")
        await console.sees("this evaluation ran on bench sim-state: F2, then b chooses it")
        assert not started


def test_events_of_a_session_keep_what_it_goes_on_with(tmp_path: Any) -> None:
    folder, _, asked = begun(tmp_path, S)
    request = msgspec.structs.replace(asked, resumes=SECOND)
    event = ev.SessionStarted(id=FIRST, pid=1, host="h", request=request)
    assert ev.decode(ev.encode(event)) == event and folder

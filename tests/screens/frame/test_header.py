"""The header: tabs that stay in their places, an attention dot, what the session does, how far the screen lags."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from screens.frame import header as module
from screens.frame.header import header
from screens.frame.link_state import LinkState
from screens.frame.registry import SCREENS
from screens.views.signs import ASCII, UNICODE, use_signs
from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from sessions.models import SessionKind
from tests.support.fake_desk import NOON
from tests.support.fake_training import FakeTraining

WIDTHS = (60, 68, 76, 80, 100, 120, 200)


def line(console, present: int = 1, width: int = 80, **link) -> str:
    content, _ = header(console.desk, SCREENS[present], LinkState(**link), width, NOON)
    assert content.cell_length <= width
    return content.plain


async def test_tabs_shorten_step_by_step_and_never_lose_which_screen_is_present(open_console):
    async with open_console() as console:
        assert line(console, width=80).startswith(" F2 bench [F3 record] F4 train  F5 evaluate  F7 log ")
        assert line(console, width=70).startswith(" F2 bench [F3 rec] F4 train  F5 eval  F7 log ")
        assert line(console, width=60).startswith(" F2 [F3 rec] F4  F5  F7 ")
        for width in WIDTHS:
            for at, entry in enumerate(SCREENS):
                key = entry.keys.upper()
                assert f"[{key} {entry.short or entry.title}"[:8] in line(console, at, width)
        use_signs(ASCII)
        try:
            console.desk.attention.lost(SessionKind.TRAIN)
            assert line(console, width=80).startswith(" F2 bench [F3 record] F4 train* F5 evaluate ")
        finally:
            use_signs(UNICODE)


async def test_no_tab_moves_whatever_is_said_beside_it(open_console, make_worker):
    async with open_console() as console:
        still = {width: header(console.desk, SCREENS[1], LinkState(), width, NOON)[1] for width in WIDTHS}
        worker = await make_worker()
        worker.phase(Phase.RECORDING, "take 1")
        await console.attach(worker)
        for width in WIDTHS:
            content, tabs = header(console.desk, SCREENS[1], LinkState(behind_s=12.4), width, NOON)
            assert tabs == still[width]
            assert "RECORDING" in content.plain or width < 100
            assert "screen 12 s behind" in content.plain
        assert 'pick_place · "Pick up the cube"' in line(console, width=200)


async def test_the_header_has_the_word_of_the_big_panel(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        for phase in (Phase.IDLE, Phase.READY, Phase.RECORDING, Phase.RESET, Phase.HELD, Phase.RESTED, Phase.RELEASED):
            worker.phase(phase)
            await console.until(lambda p=phase: console.desk.snapshot.phase is p)
            await console.pilot.pause()
            assert f"{console.word} · sim" in console.text("#header"), phase


async def test_a_click_on_a_tab_opens_its_screen_even_while_a_field_has_the_keys(open_console):
    async with open_console() as console:
        await console.press("f3")
        await console.until(lambda: isinstance(console.app.focused, Input))
        await console.pilot.click("#header", offset=(console.text("#header").index("F7 log"), 0))
        await console.until(lambda: console.screen.id == "log")


async def test_what_happened_unseen_calls_from_its_tab_until_it_is_seen(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        await console.attach(worker, "log")
        assert "F5 evaluate " in console.text("#header")
        worker.trial()
        await console.sees("F5 evaluate●")
        await console.press("f5")
        await console.until(lambda: console.screen.id == "evaluate")
        assert "[F5 evaluate]" in console.text("#header")
        worker.tell(ev.AlarmRaised(source=AlarmSource.LEADER, text="leader: no answer"))
        await console.sees("leader: no answer")
        await console.press("f7")
        await console.until(lambda: console.screen.id == "log")
        assert "F5 evaluate●" not in console.everything, "it was seen as it happened"


async def test_a_training_that_ends_calls_from_train(open_console):
    async with open_console() as console:
        training = await FakeTraining(console.folder).begin()
        try:
            console.desk.training.look()
            await console.until(lambda: console.desk.training.live)
            training.end()
            await console.sees("F4 train●")
        finally:
            await training.stop()


def test_every_kind_of_session_has_a_tab_that_can_call():
    assert {kind for entry in SCREENS for kind in module.kinds_of(entry)} == set(SessionKind)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_notice_hides_neither_tabs_nor_hold(open_console, make_worker, size):
    async with open_console(size) as console:
        worker = await make_worker()
        worker.phase(Phase.HELD, "stopped")
        await console.attach(worker)
        console.desk.notice("the disk is nearly full")
        await console.sees("the disk is nearly full")
        assert "[F3 record]" in console.text("#header") and "HELD" in console.text("#banner")
        assert console.text("#alarm") == "the disk is nearly full"


async def test_a_comparison_names_each_of_its_policies_and_a_blinded_one_its_codes(open_console, make_worker):
    async with open_console() as console:
        for asked, said in (
            ({"checkpoint": "A", "further_checkpoints": ("B",), "blinded": True}, "policy A, policy B"),
            (
                {"checkpoint": "sim-scripted@0.4", "further_checkpoints": ("sim-scripted@0.8",)},
                "@0.4, sim-scripted@0.8",
            ),
        ):
            worker = await make_worker(kind=SessionKind.EVAL, **asked)
            await console.attach(worker, "evaluate")
            assert said in line(console, 3, 160)
            worker.end()

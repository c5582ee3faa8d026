"""A console over a slow link drives safely, and its screen stays close to what happens."""

from __future__ import annotations

import time
from functools import partial

from services.folders import RunFolder
from services.live.phases import Phase
from tests.support.demo_desk import DemoDesk
from tests.support.slow_terminal import SlowTerminal

FAST = 2_000_000
SSH_BUFFER = 1_000_000
BREAK_S = 6.0
KEY_S = 1.5
TRIES = 3
"""A key's effect is timed so often at most: this machine may be busy with other things."""


def at(demo: DemoDesk, *, answers: bool = True, buffer: int = 0) -> tuple[SlowTerminal, RunFolder]:
    """A recording that follows, so far over a fast link."""
    screen = demo.open(behind=partial(SlowTerminal, rate=FAST, buffer=buffer, answers=answers))
    assert isinstance(screen, SlowTerminal)
    run = demo.start_recording(screen, dataset="slow", episodes="9", seconds="60", reset="1")
    demo.follow(screen, run)
    return screen, run


def seconds_to(screen: SlowTerminal, key: str, text: str) -> float:
    began = time.monotonic()
    screen.press(key)
    screen.wait_for(text, 20)
    return time.monotonic() - began


def test_it_drives_over_any_link_and_over_one_that_breaks(demo: DemoDesk) -> None:
    screen, run = at(demo, buffer=SSH_BUFFER)
    for rate in (64_000, 12_000, 6_000):
        screen.rate = rate
        time.sleep(1.5)
        times: list[float] = []
        while len(times) < TRIES and (not times or min(times) > KEY_S):
            times.append(seconds_to(screen, "F7", "1 session"))
            times.append(seconds_to(screen, "F3", "accepted of 9"))
        assert demo.state(run).phase is Phase.READY, f"{rate}: {demo.state(run).held}"
        if rate == 12_000:
            screen.wait_for("pictures off: slow link", 10)
        assert rate < 12_000 or min(times) < KEY_S, f"{rate}: {times}"
    screen.rate = 12_000
    demo.start_take(screen, run)
    screen.wait_for("space ends take 1", 10)
    screen.rate = 0
    time.sleep(BREAK_S)
    assert demo.state(run).phase is Phase.RECORDING, demo.state(run).held
    screen.rate = 12_000
    screen.wait_for(f"{int(BREAK_S)}", 5)
    screen.press("space")
    demo.saved(screen, run, 1)
    screen.wait_until(lambda: "01✓" in screen.text or "01⚠" in screen.text, 5, "the take is not in the strip")
    assert demo.state(run).phase in (Phase.RESET, Phase.READY), demo.state(run).held
    seconds_to(screen, "F7", "1 session")
    time.sleep(1.0)
    shown = screen.text
    screen.rate = FAST
    screen.press("\x0c")
    time.sleep(0.5)
    assert screen.text.splitlines()[1:] == shown.splitlines()[1:], "painted anew it is the same, but for the clock"


def test_a_terminal_that_answers_nothing_and_goes_dead(demo: DemoDesk) -> None:
    screen, run = at(demo, answers=False)
    screen.rate = 12_000
    time.sleep(1.0)
    assert min(seconds_to(screen, "F7", "1 session"), seconds_to(screen, "F3", "accepted of 9")) < KEY_S
    assert demo.state(run).phase is Phase.READY, demo.state(run).held
    screen.rate = 0
    time.sleep(2.0)
    assert demo.state(run).phase is Phase.READY, demo.state(run).held
    screen.press("q")
    time.sleep(0.5)
    screen.press("q")
    assert screen.wait(10) == 0, "it leaves, though the terminal takes nothing"

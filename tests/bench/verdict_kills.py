"""kill -9 between a verdict's key in a console and its effect: on disk, or visibly not taken.

    uv run python -m tests.bench.campaign --only "verdict, console killed" "verdict, worker killed"

Twenty kills of each, a chosen moment after the key. What the screen showed as judged must be in the events; a verdict
that is not there must be shown as missing: by a console that attaches again, or by the one that outlives its worker.
`tests/journeys/test_verdict_kills.py` kills a few in the suite.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.folders import RunFolder
from services.live.event_log import is_live
from services.live.phases import Phase
from sessions.models import Verdict
from tests.bench.counting import Count, chance
from tests.support import evaluating
from tests.support.demo_desk import DemoDesk
from tests.support.rig import Rig
from tests.support.terminal import Terminal

KILLS = 20
DELAYS_S = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06)
"""From the key to the kill."""
LOOK_S = 30.0
SCRIPTED = Path("sim-scripted@0.8")


def judged(screen: Terminal) -> bool:
    """Whether the screen showed the failure since its bytes were last forgotten."""
    return "✗   1 ".encode() in screen.raw


def kept(desk: DemoDesk, run: RunFolder) -> bool:
    """Whether the failure is on disk."""
    return desk.state(run).trials[-1].verdict is Verdict.FAILURE


def waiting(desk: DemoDesk) -> tuple[Terminal, RunFolder]:
    """A console at an evaluation whose first trial waits for its verdict."""
    run = evaluating.evaluate(Rig(desk.folder.root), policy=SCRIPTED, trial_seconds=0.1)
    _until(lambda: is_live(run))
    screen = desk.attach(run.id)
    screen.wait_until(lambda: desk.state(run).phase is Phase.IDLE, 60, "it does not get past starting")
    screen.wait_for("space", LOOK_S)
    screen.press("space")
    screen.wait_until(lambda: desk.state(run).pending is not None, LOOK_S, "no trial ends")
    screen.wait_for("JUDGE IT", LOOK_S)
    return screen, run


def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LOOK_S
    while not condition():
        assert time.monotonic() < give_up, "no worker was started"
        time.sleep(0.05)


def press_and_kill(screen: Terminal, pid: int) -> None:
    """`f`, and the kill of the process a moment later."""
    screen.raw.clear()
    screen.write(b"f")
    time.sleep(chance.choice(DELAYS_S))
    os.kill(pid, signal.SIGKILL)


def kill_consoles(rig: Rig, tries: int, count: Count) -> Counter[str]:
    """One session, whose console is killed again and again; what became of each key."""
    desk, outcomes = DemoDesk(rig.folder.root / "home", rig.console), Counter[str]()
    try:
        screen, run = waiting(desk)
        screen.press("x")  # so that the verdict moves nothing
        screen.wait_until(lambda: desk.state(run).phase is Phase.HELD, 10, "the stop is not obeyed")
        for number in range(tries):
            count.tried += 1
            time.sleep(0.2)
            press_and_kill(screen, screen.pid)
            screen.wait()
            shown = judged(screen)
            time.sleep(0.1)  # what was sent before the kill arrives
            there = kept(desk, run)
            outcomes[_note(count, f"console {number}", shown=shown, there=there)] += 1
            screen = desk.attach(run.id)
            _look(count, screen, f"✗ {int(there):>3} ", f"console {number}")
            if there:
                screen.press("u")
                screen.wait_for("✗   0 ", LOOK_S)
    finally:
        desk.close()
    return outcomes


def kill_workers(rig: Rig, tries: int, count: Count) -> Counter[str]:
    """One session after the other, each worker killed under a console that lives; what became of each key."""
    outcomes = Counter[str]()
    for number in range(tries):
        desk = DemoDesk(rig.folder.root / f"home{number}", rig.console)
        try:
            count.tried += 1
            screen, run = waiting(desk)
            press_and_kill(screen, desk.pid(run))
            _look(count, screen, "the worker vanished", f"worker {number}")
            there = kept(desk, run)
            _look(count, screen, "✗   1 " if there else "1 without a verdict", f"worker {number}")
            outcomes[_note(count, f"worker {number}", shown=judged(screen), there=there)] += 1
        finally:
            desk.close()
    return outcomes


def _note(count: Count, which: str, *, shown: bool, there: bool) -> str:
    if shown:
        count.check(there, f"the verdict that {which} showed")
    return "shown" if shown else "on disk" if there else "not taken"


def _look(count: Count, screen: Terminal, words: str, which: str) -> None:
    try:
        screen.wait_for(words, LOOK_S)
    except AssertionError as error:
        count.hang(f"{which}: {error}")


def _part(kill: Callable[[Rig, int, Count], Counter[str]]) -> Callable[[Rig, int], Awaitable[Count]]:
    async def part(rig: Rig, tries: int) -> Count:
        count = Count()
        outcomes = await asyncio.to_thread(kill, rig, tries, count)
        count.notes.append(", ".join(f"{what} {number}" for what, number in sorted(outcomes.items())))
        return count

    return part


KILL_PARTS = {
    "verdict, console killed": (_part(kill_consoles), KILLS),
    "verdict, worker killed": (_part(kill_workers), KILLS),
}

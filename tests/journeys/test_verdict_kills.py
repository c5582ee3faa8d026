"""kill -9 of the console between a verdict's key and its effect, at last of console and worker together.

The verdict is on disk or visibly not taken, and what was shown once is never lost.
tests/services/workers/evaluation/test_crash.py kills workers alone; tests.bench.campaign does all of it more often.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from services.folders import RunFolder
from services.live.event_log import is_live
from services.live.phases import Phase
from sessions.models import Verdict
from tests.bench.counting import Count
from tests.bench.verdict_kills import kill_workers
from tests.support.demo_desk import DemoDesk
from tests.support.evaluate_screen import start_evaluation, start_trial
from tests.support.rig import Rig
from tests.support.terminal import Terminal

KILLS = 7
DELAYS_S = (0.0, 0.001, 0.003, 0.01, 0.03)


def killed(demo: DemoDesk, screen: Terminal, run: RunFolder, delay_s: float, *, worker: bool) -> tuple[bool, bool]:
    """`f`, and kills a moment later: whether the failure was shown, and whether it is on disk."""
    pid = demo.pid(run)
    screen.raw.clear()
    screen.write(b"f")
    time.sleep(delay_s)
    screen.kill()
    if worker:
        os.kill(pid, signal.SIGKILL)
    screen.wait()
    shown = "✗   1 ".encode() in screen.raw
    time.sleep(0.1)  # what was sent before the kill arrives at a worker that lives
    return shown, demo.state(run).trials[-1].verdict is Verdict.FAILURE


def test_a_verdict_is_on_disk_or_visibly_not_taken_whoever_is_killed(
    demo: DemoDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5)
    screen, run = start_evaluation(demo)
    start_trial(demo, screen, run)
    screen.write(b"x")
    screen.wait_until(lambda: demo.state(run).phase is Phase.HELD, 10, "the stop is not obeyed")
    outcomes: list[str] = []
    for number in range(1, KILLS + 1):
        time.sleep(0.2)
        shown, kept = killed(demo, screen, run, chance.choice(DELAYS_S), worker=number == KILLS)
        assert kept or not shown, "what was shown is never lost"
        outcomes.append("shown" if shown else "on disk" if kept else "not taken")
        if number == KILLS:
            break
        screen = demo.attach(run.id)
        screen.wait_for(f"✗ {int(kept):>3} ", 20)
        if kept:
            screen.press("u")
            screen.wait_for("✗   0 ", 20)
    with capsys.disabled():
        print(f"\n  killed: {', '.join(f'{o} {outcomes.count(o)}' for o in sorted(set(outcomes)))}", end=" ")
    assert len(set(outcomes)) > 1, "the kills all fell on one side"
    crashed_visibly(demo, run, kept=kept)


def test_a_console_that_outlives_its_worker_shows_what_is_on_disk(quick_rig: Rig) -> None:
    count = Count()
    kill_workers(quick_rig, 1, count)
    assert (count.tried, count.lost, count.hung) == (1, 0, 0), count.notes


def crashed_visibly(demo: DemoDesk, run: RunFolder, *, kept: bool) -> None:
    """The log says crashed and has the verdict, or takes it now."""
    screen = demo.open("--data-dir", str(demo.folder.root), "--bench", "sim-state")
    screen.wait_for("F3", 30)
    screen.wait_until(lambda: not is_live(run), 20, "the worker outlives its kill")
    screen.press("F7")
    screen.wait_for("crashed", 20)
    if not kept:
        screen.wait_for("f failure", 20)
        screen.press("f", "y")
    screen.wait_until(lambda: demo.state(run).trials[-1].verdict is Verdict.FAILURE, 20, "the verdict is not there")

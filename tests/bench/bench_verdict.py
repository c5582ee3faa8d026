"""From a verdict's key to its effect on the screen: real console, worker, policy and simulated bench.

    uv run python -m tests.bench.bench_verdict [--trials 10] [--verdicts 100]

The byte goes into a pseudo-terminal; the clock stops when the bytes that show the verdict come out of it, which they
do only once the worker has it on disk. Measured twice: while a trial runs and the policy infers, one verdict per
trial; and while the arm holds after a stop, `s` and `u` in turn. Prints p50, p99 and the largest (target p99 60 ms).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from services import events as ev
from services.eventlog import is_live, read_events
from services.folders import RunFolder
from services.link import live_runs
from services.snapshots import Phase
from tests.bench.bench_record import percentiles
from tests.journeys.desk import ROOT, DemoDesk
from tests.terminal import Terminal

POLICY = """
import sys
from pathlib import Path
from tests.checkpoints import make_checkpoint
make_checkpoint(Path(sys.argv[1]))
"""
PATIENCE_S = 240


def until_shown(screen: Terminal, key: bytes, shown: bytes) -> float:
    """Milliseconds from writing `key` to `shown` coming out of the terminal. Raises AssertionError after 10 s."""
    with screen._lock:
        screen.raw.clear()
    began = time.monotonic()
    screen.write(key)
    while time.monotonic() - began < 10:
        with screen._lock:
            if shown in screen.raw:
                return (time.monotonic() - began) * 1000
        time.sleep(0.0005)
    raise AssertionError(f"{shown.decode()!r} does not appear; it shows:\n{screen.text}")


def start_evaluation(desk: DemoDesk) -> tuple[Terminal, RunFolder]:
    """The form as it fills itself in, one Enter per field."""
    checkpoint = desk.folder.root / "outputs" / "train" / "tiny" / "checkpoints" / "000010"
    subprocess.run([sys.executable, "-c", POLICY, str(checkpoint)], check=True, cwd=ROOT)
    screen = desk.open("--data-dir", str(desk.folder.root), "--bench", "sim-state")
    screen.wait_for("lab console", 60)
    screen.wait_for("F3", 60)
    screen.write(b"\x1b[15~")
    screen.wait_for("looks at no camera", 60)
    for text in ("", "999", "30", "", ""):  # task, trials, seconds, operator, judge
        screen.press("enter")
        time.sleep(0.3)
        if text:
            screen.press("ctrl+u")
            screen.type(text)
    screen.press("enter")
    screen.wait_until(lambda: bool(live_runs(desk.folder)), 30, "no worker was started")
    run = live_runs(desk.folder)[0]
    screen.wait_until(lambda: desk.state(run).phase is Phase.IDLE, PATIENCE_S, "it does not get past starting")
    return screen, run


def start_trial(desk: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    """Space, once the last key is long enough ago; returns while the policy drives."""
    time.sleep(0.7)
    screen.press("space")
    screen.wait_until(lambda: desk.state(run).phase is Phase.RUNNING, 60, "no trial runs")
    time.sleep(1.0)


def in_trials(desk: DemoDesk, screen: Terminal, run: RunFolder, count: int, told: list[float]) -> list[float]:
    """One verdict per running trial; `told` gets how long the worker took to tell it (its fsync comes after that)."""
    taken = []
    for number in range(1, count + 1):
        start_trial(desk, screen, run)
        pressed = time.time()
        taken.append(until_shown(screen, b"s", f"SUCCESS · trial {number}".encode()))
        judged = [e for e in read_events(run.events) if isinstance(e, ev.TrialJudged)][-1]
        told.append((judged.at - pressed) * 1000)
        screen.wait_until(lambda: desk.state(run).phase is Phase.RESTED, 60, "it does not come to rest")
    return taken


def while_held(desk: DemoDesk, screen: Terminal, run: RunFolder, count: int) -> list[float]:
    """`s` and `u` in turn on the same trial."""
    start_trial(desk, screen, run)
    screen.write(b"x")
    screen.wait_until(lambda: desk.state(run).phase is Phase.HELD, 10, "the stop is not obeyed")
    time.sleep(1.2)
    before = desk.state(run).judged
    taken = []
    for _ in range(count):
        taken.append(until_shown(screen, b"s", f"✓ {before + 1:>3} ".encode()))
        until_shown(screen, b"u", f"✓ {before:>3} ".encode())
    return taken


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--verdicts", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        desk = DemoDesk(Path(folder) / "home")
        desk.home.mkdir()
        try:
            screen, run = start_evaluation(desk)
            told: list[float] = []
            print(f"key to screen, policy infers  {percentiles(in_trials(desk, screen, run, options.trials, told))}")
            print(f"  of it to the worker's word  {percentiles(told)}")
            print(f"key to screen, arm holds      {percentiles(while_held(desk, screen, run, options.verdicts))}")
            print("                              target p99 60 ms")
            screen.press("g")
            screen.wait_until(lambda: desk.state(run).phase is Phase.RESTED, 60, "it does not go to rest")
            screen.press("F")
            screen.press("y")  # the trial whose verdict was taken back
            screen.wait_until(lambda: not is_live(run), 60, "it does not finish")
        finally:
            desk.close()


if __name__ == "__main__":
    main()

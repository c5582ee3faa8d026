"""Start-up: the first paint, and from the key to a session that is ready, cold and warm.

    uv run python -m tests.bench.bench_startup [--paints 9] [--starts 3]

The first paint of the demo's console and of a bare Textual app, in turn, through a pseudo-terminal. Then Record, by its
form, on the simulated bench: from the request that the key writes to the arm that holds and waits. Cold, the worker
loads LeRobot after the key; warm, it did so while the form was open. Evaluate the same with a small policy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.warm import SWITCH
from tests.bench.bench_record import paint_ratio
from tests.support.demo_desk import DemoDesk
from tests.support.evaluate_screen import start_evaluation

READING_S = 25.0
"""How long an operator leaves a form open before it is filled in: a warm worker needs about ten seconds."""


def ready_s(run: RunFolder) -> float:
    """Seconds from the request to the first moment at which the arm holds and takes commands."""
    events = read_events(run.events)
    idle = next(e.at for e in events if isinstance(e, ev.PhaseChanged) and e.phase == Phase.IDLE)
    return idle - run.request.stat().st_mtime


def record(desk: DemoDesk) -> RunFolder:
    """A recording by its form, which stays open for a while."""
    screen = desk.open()
    screen.wait_for("F3", 60)
    screen.press("F3")
    time.sleep(READING_S)
    return desk.start_recording(screen)


def evaluate(desk: DemoDesk) -> RunFolder:
    """An evaluation by its form, which stays open for a while."""
    return start_evaluation(desk, READING_S)[1]


def measure(root: Path, start: Callable[[DemoDesk], RunFolder], times: int, *, warm: bool) -> list[float]:
    """Each start in a data folder of its own."""
    os.environ[SWITCH] = "1" if warm else "0"
    taken = []
    for number in range(times):
        home = root / f"{start.__name__}-{warm}-{number}"
        home.mkdir()
        desk = DemoDesk(home)
        try:
            taken.append(ready_s(start(desk)))
        finally:
            desk.close()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paints", type=int, default=9)
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        ours, bare = paint_ratio(root, options.paints)
        print(
            f"first paint   console {ours:.3f} s, bare app {bare:.3f} s, ratio {ours / bare:.2f} (target 1.2)",
            flush=True,
        )
        for start in (record, evaluate):
            cold = statistics.median(measure(root, start, options.starts, warm=False))
            warm = measure(root, start, options.starts, warm=True)
            print(
                f"{start.__name__:8}      ready {cold:.2f} s after the key cold, {statistics.median(warm):.2f} s warm"
                f" (largest {max(warm):.2f}; target 1)",
                flush=True,
            )


if __name__ == "__main__":
    main()

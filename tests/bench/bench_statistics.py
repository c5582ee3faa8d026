"""How long each interval and test takes at up to 200 trials of an arm, nothing remembered from before.

    uv run python -m tests.bench.bench_statistics

Target: 50 ms each. A plan searches many tests and may take a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sessions.statistics import exact, intervals, planning, second_opinions
from sessions.statistics.judging import Agreement, Judge

REPEATS = 5
TWO = [((60, 200), (85, 200)), ((0, 200), (1, 200)), ((199, 200), (150, 187)), ((100, 200), (100, 200))]
TABLES = [Agreement(95, 8, 6, 91), Agreement(150, 5, 9, 36)]
SEVERAL = [(100, 200), (120, 199), (90, 198), (105, 197)]


def forget() -> None:
    """Empty what is remembered between calls."""
    for module in (exact, intervals, planning):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


def slowest(asked: Callable[[], object]) -> tuple[float, float]:
    """The longest of several calls, in ms: on the clock, and of the processor (on a busy machine less)."""
    took = []
    for _ in range(REPEATS):
        forget()
        began = time.perf_counter(), time.process_time()
        asked()
        took.append((1000 * (time.perf_counter() - began[0]), 1000 * (time.process_time() - began[1])))
    return max(wall for wall, _ in took), max(cpu for _, cpu in took)


def main() -> None:
    """Print a line for each."""
    asked: dict[str, Callable[[], object]] = {
        "Wilson": lambda: intervals.wilson(60, 200),
        "Newcombe": lambda: intervals.newcombe(*TWO[0]),
        **{f"Boschloo {a[0]}/{a[1]} {b[0]}/{b[1]}": lambda a=a, b=b: exact.boschloo(a, b) for a, b in TWO},  # type: ignore[misc]
        "a second judge, 2 policies": lambda: second_opinions.doubted(TABLES, Judge(0.95, 0.9, 40, 30)),
        "McNemar": lambda: exact.mcnemar(80, 120),
        "Freeman-Halton, 3 arms": lambda: exact.freeman_halton(SEVERAL[:3]),
        "Freeman-Halton, 4 arms": lambda: exact.freeman_halton(SEVERAL),
        "plan 60 80 %": lambda: planning.trials_per_arm(0.6, 0.8),
        "plan 76 90 %": lambda: planning.trials_per_arm(0.76, 0.9),
    }
    for name, ask in asked.items():
        wall, cpu = slowest(ask)
        print(f"{name:28} {wall:8.2f} ms on the clock {cpu:8.2f} ms of the processor")


if __name__ == "__main__":
    main()

"""What a key of the Log's filter costs: the turns of the loop that it takes, and the longest of them.

    uv run python -m tests.bench.bench_log_screen [--sessions 10000]

The console runs headless, on a log of this many sessions with all its widgets; each key is typed as a person types it.
While it is worked on, a task measures how late the loop calls it: that is what a stop key or a picture would wait. As a
measure of this machine stands beside it what laying out every cell of the table takes, as was done at each key before
the widths of the cells were kept.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from screens.views.columns import Table
from screens.views.log_columns import COLUMNS
from services.folders import DataFolder
from services.log import scribe
from tests.bench import large_log
from tests.support.headless import opened

TYPED = (*"pick", *"xyz", *"\b\b\b", " ", *"kind:eval", " ", *"verdict:failure", " ", *"after:2026")
QUIET_S = 0.4
"""How long nothing happens after a key that was worked on."""


async def latest(lates: list[float]) -> None:
    """Measure how late the loop is, every millisecond."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lates.append((time.perf_counter() - began) * 1000 - 1)


async def keys(console: Any) -> list[tuple[str, float]]:
    """Each key, and the longest turn of the loop (ms) while it was worked on."""
    found = []
    for key in ("slash", *TYPED):
        name = {"\b": "backspace", " ": "space"}.get(key, key)
        lates: list[float] = []
        watch = asyncio.create_task(latest(lates))
        await asyncio.sleep(0)
        console.app.simulate_key({":": "colon"}.get(name, name))
        await asyncio.sleep(QUIET_S)
        watch.cancel()
        found.append((name, max(lates)))
    return found


async def measure(folder: DataFolder, count: int) -> None:
    """Open the Log, type, and print."""
    async with opened(folder, (120, 40)) as console:
        await console.press("f7")
        await console.until(lambda: console.screen._matches == count, "the list does not come")
        await asyncio.sleep(3)  # what it measures of the list beside the loop
        entries = console.screen.index.entries
        began = time.perf_counter()
        Table(COLUMNS[None], entries, 70)
        whole = (time.perf_counter() - began) * 1000
        found = await keys(console)
    turns = sorted(turn for _, turn in found)
    worst = max(found, key=lambda each: each[1])
    most = ", ".join(f"{key!r} {turn:.0f}" for key, turn in sorted(found, key=lambda each: -each[1])[:6])
    print(f"{count:,} sessions: laying out every cell once takes {whole:.0f} ms")
    print(f"  the longest turn of a key: median {statistics.median(turns):.1f} ms, most {worst[1]:.1f} ms ({worst[0]})")
    print(f"  the six longest: {most}")
    print(f"  ratio of the most to laying out every cell: {worst[1] / whole:.2f} (target: 30 ms)")


def main() -> None:
    """Make the log, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-log-screen-") as made:
        folder = DataFolder(options.keep or Path(made))
        if not folder.sessions_file.exists():
            folder.create()
            large_log.write_runs(folder, options.sessions)
            scribe.rebuild(folder)
        asyncio.run(measure(folder, options.sessions))


if __name__ == "__main__":
    main()

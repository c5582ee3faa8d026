"""A long log to a drawn screen, and the rate at which lines are read, against merely counting them.

`python -m tests.bench.bench_watch [--lines N]`: a log of 200,000 points; then the same with a progress bar before each.
Targets: 200,000 lines within 2 s on a drawn Train screen, from `follow_log` to a plot with every point.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from screens.widgets.plot import Plot
from services.folders import DataFolder
from services.training.watching.source import Source, open_source
from services.training.watching.watched_run import LoggedCurves
from tests.services.training.watching.logs import bar, head, line, message
from tests.support.fake_desk import empty_folder
from tests.support.headless import opened

TARGET_S = 2.0
ROUNDS = 3


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory(prefix="bench-watch-") as place:
        folder, path = empty_folder(Path(place) / "lab"), Path(place) / "train.log"
        total = 200 * lines
        begin = head(steps=total, more="dataset.num_frames=24252 (24K)\n")
        wanted = range(200, total + 1, 200)
        for name, before in (("points alone", lambda step: ""), ("a bar before each", lambda step: bar(step, total))):
            path.write_text(begin + "".join(before(s) + line(s // 200, message(s)) for s in wanted), newline="")
            _figures(name, folder, path, lines)
        rounds = [asyncio.run(_drawn(folder, path, lines)) for _ in range(ROUNDS)]
        first, whole = (min(each) for each in zip(*rounds, strict=True))
        print(
            f"to a drawn screen, with bars: {first:.2f} s to the first curve, {whole:.2f} s to all of it, the best of "
            f"{ROUNDS} (target {TARGET_S} s for 200,000 lines)"
        )


def _figures(name: str, folder: DataFolder, path: Path, lines: int) -> None:
    """Reading, and the curves, with their rate and their ratio to counting lines."""
    began = time.perf_counter()
    with path.open("rb") as file:
        assert sum(1 for _ in file) >= lines
    counted = time.perf_counter()
    source = open_source(folder, str(path))
    while source.read():
        pass
    read = time.perf_counter()
    curves = LoggedCurves("bench", source.runs[0])
    curves.read()
    done = time.perf_counter()
    assert len(curves) == lines and all(source.runs[0].points.exact)
    baseline, parsing = counted - began, read - counted
    print(
        f"{name}: {parsing:.2f} s to read ({lines / parsing:,.0f} lines/s, {parsing / baseline:.0f} x counting them), "
        f"{done - read:.2f} s to curves, {done - counted:.2f} s in all (target {TARGET_S} s for 200,000 lines)"
    )
    source.close()


async def _drawn(folder: DataFolder, path: Path, lines: int) -> tuple[float, float]:
    """Seconds from the wish to watch until something is drawn, and until every point is."""
    async with opened(folder, (120, 40)) as console:
        await console.press("f4")
        source: Source = open_source(folder, str(path))
        began = time.perf_counter()
        runs, first = console.desk.runs, 0.0
        runs.follow_log(source)
        plot = console.screen.query_one("#loss", Plot)
        while True:
            await asyncio.sleep(0.02)
            took, curves = time.perf_counter() - began, runs.shown.curves
            first = first or (took if plot.drawn else 0.0)
            whole = curves is not None and len(curves) == lines and plot._figure.version == (curves.version,)
            if whole and plot._drawn_state == plot._wanted:
                return first, took


if __name__ == "__main__":
    main()

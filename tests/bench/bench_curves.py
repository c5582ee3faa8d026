"""The curves of a long training: the time until they are on the screen, and the cost of a redraw.

    uv run python -m tests.bench.bench_curves [--points 20000] [--times 5]

A scripted trainer serves a run with that many log points. Measured: from F4 in an open console to three drawn plots
(target 1.0 s); from the start of `lab-console attach` to the same, against a bare Textual app's first paint; from `l`
to all three plots redrawn; the console's CPU at one new point a second (target 5 % of a core), against the same screen
with none. The longest pause of the console's event loop is not measured. In this process: reading the file, smoothing
it anew, drawing each plot, and all plots of 200x60 with one run and with four.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from screens.train import plots
from screens.train.plots import PLOTS
from screens.widgets.plotting import draw
from services.folders import RunFolder
from services.training.curves import Curves, Metric
from services.training.downsampling import downsample
from services.units import plural
from tests.bench.bench_record import BARE_APP, first_paint
from tests.support.demo_desk import DemoDesk
from tests.support.fake_training import FakeTraining, train_request
from tests.support.terminal import Terminal

F2, F4 = b"\x1bOQ", b"\x1bOS"
SIZES = {"loss, 120x40": (72, 13), "beside, 120x40": (35, 8), "large, 200x60": (196, 51)}
WIDE = ((104, 20), (51, 14), (51, 14))
"""The plots of 200x60."""


class Served:
    """A scripted training on its own event loop."""

    def __init__(self, demo: DemoDesk, points: int) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._ends = points * 10
        self.training = self._call(
            lambda: FakeTraining(demo.folder, request=train_request(demo.folder, steps=self._ends))
        )
        asyncio.run_coroutine_threadsafe(self.training.begin(), self._loop).result(10)
        self._call(lambda: self.training.train(points, durable=True))

    def _call[Result](self, do: Callable[[], Result]) -> Result:
        async def done() -> Result:
            return do()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(30)

    @property
    def run(self) -> RunFolder:
        return self.training.run

    def last_tick(self) -> str:
        """An axis label that only plots of the whole curve have."""
        from screens.widgets.axis_ticks import linear, step_label

        return step_label(linear(10, self._ends, 4)[-1])

    def one_more(self) -> None:
        """A new point, and the word about it."""
        self._call(lambda: self.training.train(1))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.training.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


def drawn(screen: Terminal, tick: str) -> bool:
    """Whether all three plots are drawn, with axes up to the newest step."""
    text = screen.text
    return text.count(tick) >= 3 and sum("⠀" < c <= "⣿" for c in text) > 60


def after_key(demo: DemoDesk, served: Served) -> tuple[float, float]:
    """Seconds from F4 to the curves, and from `l` to three logarithmic ones, in an open console."""
    screen = demo.open()
    try:
        screen.wait_for("act_v2", 30)  # Bench lists the training
        began = time.monotonic()
        screen.write(F4)
        screen.wait_until(lambda: drawn(screen, served.last_tick()), 30, "no curves")
        first = time.monotonic() - began
        time.sleep(1.5)
        began = time.monotonic()
        screen.write(b"l")
        screen.wait_until(lambda: screen.text.count("(log)") >= 3, 30, "no log axes")
        return first, time.monotonic() - began
    finally:
        screen.close()


def attached(demo: DemoDesk, served: Served) -> float:
    """Seconds from the start of `lab-console attach` to the curves."""
    began = time.monotonic()
    screen = demo.attach(served.run.id)
    try:
        screen.wait_until(lambda: drawn(screen, served.last_tick()), 30, "no curves")
        return time.monotonic() - began
    finally:
        screen.close()


def cpu_of_watching(demo: DemoDesk, served: Served, seconds: int) -> tuple[float, float]:
    """Percent of a core that the console takes on Train: without a new point, and with one a second."""
    screen = demo.attach(served.run.id)
    try:
        screen.wait_until(lambda: drawn(screen, served.last_tick()), 30, "no curves")
        time.sleep(3)
        used = []
        for points in (0, 1):
            begun, before = time.monotonic(), cpu_seconds(screen.pid)
            while (passed := time.monotonic() - begun) < seconds:
                screen.text  # noqa: B018, the terminal is read
                time.sleep(1 - passed % 1)
                if points:
                    served.one_more()
            used.append(100 * (cpu_seconds(screen.pid) - before) / (time.monotonic() - begun))
        return used[0], used[1]
    finally:
        screen.close()


def cpu_seconds(pid: int) -> float:
    """What a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def in_process(run: RunFolder, times: int) -> None:
    """Measure reading and drawing without a screen."""
    begin = time.perf_counter()
    curves = Curves(run.metrics)
    curves.read()
    print(f"read {len(curves)} points  {1000 * (time.perf_counter() - begin):.0f} ms")
    steps, loss = curves.steps, curves.column(Metric.LOSS)
    downsample(steps, loss, 80)
    begin = time.perf_counter()
    for _ in range(20):
        downsample(steps, loss, 80)
    print(f"downsample to 80 columns  {50 * (time.perf_counter() - begin):.2f} ms")
    for what, (width, height) in SIZES.items():
        for log in (False, True):
            for spec in PLOTS[: 1 if what.startswith("loss") else 2]:
                shown = plots.figure([plots.RunLine("", "", curves)], spec, plots.Sight(log=log))
                taken = []
                for _ in range(times * 4):
                    begin = time.perf_counter()
                    draw(shown.series, shown.marks, width=width, height=height, log=log, unicode=True)
                    taken.append(1000 * (time.perf_counter() - begin))
                axis = "log   " if log else "linear"
                print(f"draw {what:15} {spec.id:5} {axis}  median {statistics.median(taken):5.1f} ms")
    begin = time.perf_counter()
    curves.smooth(5_000)
    print(f"smooth anew  {1000 * (time.perf_counter() - begin):.0f} ms")
    for runs in (1, 4):
        print(f"all plots of 200x60, {plural(runs, 'run')}  median {all_plots(curves, runs, times * 4):.1f} ms")


def all_plots(curves: Curves, runs: int, times: int) -> float:
    """Milliseconds to draw the three plots of 200x60."""
    lines = [plots.RunLine(str(number), "", curves) for number in range(runs)]
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        for spec, (width, height) in zip(PLOTS, WIDE, strict=True):
            shown = plots.figure(lines, spec, plots.Sight())
            draw(shown.series, shown.marks, width=width, height=height, log=False, unicode=True)
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-curves-") as root:
        demo = DemoDesk(Path(root) / "home")
        demo.folder.create()
        served = Served(demo, options.points)
        try:
            in_process(served.run, options.times)
            keys, attaches, bare = [], [], []
            for _ in range(options.times):
                bare.append(first_paint([sys.executable, "-c", BARE_APP], "bare app painted", {}))
                attaches.append(attached(demo, served))
                keys.append(after_key(demo, served))
            idle, watching = cpu_of_watching(demo, served, 20)
        finally:
            served.close()
        print("F4 to curves         " + shown_in([first for first, _ in keys]) + " (target 1.0)")
        print("l to log axes        " + shown_in([second for _, second in keys]))
        print("process to curves    " + shown_in(attaches))
        print("bare app painted     " + shown_in(bare))
        print(f"CPU of the console: {idle:.1f} % of a core, with a new point a second {watching:.1f} % (target 5)")
        more = statistics.median(attaches) - statistics.median(bare)
        print(f"attach costs {more:.2f} s more than a bare app's first paint (target 1.5)")


def shown_in(seconds: list[float]) -> str:
    """Median and largest."""
    return f"median {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s (n={len(seconds)})"


if __name__ == "__main__":
    main()

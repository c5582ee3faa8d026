"""What reading torque costs the control loop, over emulated servos that take a millisecond for each transaction.

    uv run python -m tests.bench.bench_servo_loop [--seconds 5] [--rounds 3] [--latency-ms 1]

A session follows a still leader at 30 and at 60 Hz, by turns with the torque read 2.5 times a second as ever and
without it; the emulator runs in a process of its own. Printed are p50 and p99 of the period as shares of what it should
be, how many periods were longer than one and a half, the ratio of the two ways, and how long a read takes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from services.sim.servos.process import Servos
from services.workers.arm import torque_watch
from services.workers.arm.arm import Arm
from services.workers.arm.control_loop import TRACE
from tests.support.servo_session import ServoSession, profile

RATES = (30, 60)
WAYS = {"without torque": inf, "with torque": torque_watch.EVERY_S}
"""Seconds between two reads."""

reads_ms: list[float] = []
_read = Arm.lost_torque


def timed(arm: Arm) -> bool:
    """Read the torque, and note how long that took."""
    began = time.perf_counter()
    try:
        return _read(arm)
    finally:
        reads_ms.append(1000 * (time.perf_counter() - began))


def periods(folder: Path, *, fps: int, seconds: float, latency_s: float) -> Any:
    """The loop's periods in shares of 1 / fps, while it follows."""
    servos: Any = Servos(folder / "servos", "follower", "leader:leader", latency_s=latency_s)
    try:
        session = ServoSession(folder, profile(servos), fps=fps).ready()
        session.follow()
        reads_ms.clear()
        began = time.monotonic_ns()
        time.sleep(seconds)
        ended = time.monotonic_ns()
        session.terminate()
    finally:
        servos.close()
    stamps = np.array((session.workers.context.run.root / "trace.txt").read_text().split(), dtype=np.int64)
    return np.diff(stamps[(stamps >= began) & (stamps <= ended)]) / 1e9 * fps


def percentiles(name: str, shares: Any) -> tuple[float, float]:
    """Print and return p50 and p99."""
    p50, p99 = (float(np.percentile(shares, q)) for q in (50, 99))
    late = int((shares > 1.5).sum())
    print(f"  {name:16} p50 {p50:.3f}  p99 {p99:.3f}  largest {shares.max():.3f}  late {late} of {len(shares)}")
    return p50, p99


def measure(fps: int, options: argparse.Namespace) -> None:
    """Both ways by turns, so that both see the same machine."""
    shares: dict[str, list[Any]] = {way: [] for way in WAYS}
    taken: list[float] = []
    for _ in range(options.rounds):
        for way, every in WAYS.items():
            torque_watch.EVERY_S = every
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                latency_s = options.latency_ms / 1000
                shares[way].append(periods(Path(folder), fps=fps, seconds=options.seconds, latency_s=latency_s))
            taken += reads_ms if every < inf else []
    print(f"{fps} Hz, period 1.000 = {1000 / fps:.1f} ms")
    without, within = (percentiles(way, np.concatenate(found)) for way, found in shares.items())
    print(
        "  {:16} p50 {:.3f}  p99 {:.3f}".format(
            "with / without", *(a / b for a, b in zip(within, without, strict=True))
        )
    )
    print(
        f"  {'one read':16} p50 {np.percentile(taken, 50):.2f}  p99 {np.percentile(taken, 99):.2f} ms  (n={len(taken)})"
    )


def main() -> None:
    """Measure each rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=1.0)
    options = parser.parse_args()
    os.environ[TRACE] = "1"
    Arm.lost_torque = timed  # type: ignore[method-assign, assignment]
    for fps in RATES:
        measure(fps, options)


if __name__ == "__main__":
    main()

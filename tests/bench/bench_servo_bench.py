"""The bench of LeRobot's own drivers on emulated servos: its control loop, its delay and what it costs.

    uv run python -m tests.bench.bench_servo_bench [--only loop delay cost] [--seconds 5] [--rounds 2]

loop    A session follows a moving leader at 30 and at 60 Hz; each answer of a servo takes a millisecond. Printed beside
        a loop with the same pacing and nothing to do: the period, how many were late, and the share of it on the bus.
delay   A hand moves the leader in steps whose length is no multiple of the period. From the moment at which the leader
        is there to the follower's goal packet: the console's session and LeRobot's own `teleop_loop`, on one emulator.
cost    The console's own classes, LeRobot's on emulated servos, and those with LeRobot's overhead camera, while a take
        is recorded: CPU of worker and world in shares of a core, the loop's period, and the time from the first word to
        the simulated bench to an arm that holds and waits.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from lerobot.motors.feetech import FeetechMotorsBus

from services.bench.profiles import Profile, apply_settings, load_benches
from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.sim.servos import control
from services.sim.servos.emulator import START
from services.sim.servos.process import Servos
from services.workers.arm.control_loop import TRACE
from tests.bench.bench_record import bare_loop
from tests.support.rig import Rig, finish, follow, press, recorded
from tests.support.servo_session import ServoSession, profile

RATES = (30, 60)
STEP_S = 0.2206
"""The staircase's step: 6.618 and 13.236 periods, so that steps fall everywhere in a period."""
STEP_TICKS = 40
LATE = 1.5
"""A period longer than so many of what it should be has missed one."""


def quantiles(values: Any, unit: str = "") -> str:
    """p50, p99 and largest."""
    p50, p99 = np.percentile(values, (50, 99))
    return f"p50 {p50:7.3f}  p99 {p99:7.3f}  largest {np.max(values):7.3f}{unit}  (n={len(values)})"


# --- the control loop ---------------------------------------------------------------------------------


class BusTime:
    """Seconds that LeRobot's bus spends in sync reads and writes, while it is entered."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._real = {name: getattr(FeetechMotorsBus, name) for name in ("sync_read", "sync_write")}

    def _timed(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return real(*args, **named)
            finally:
                self.seconds += time.perf_counter() - began

        return call

    def __enter__(self) -> BusTime:
        for name, real in self._real.items():
            setattr(FeetechMotorsBus, name, self._timed(real))
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(FeetechMotorsBus, name, real)


def staircase(servos: Servos, seconds: float) -> list[tuple[float, int]]:
    """Move the leader's first joint up and down by steps; when it was there (monotonic s), and where in ticks."""
    steps, over, level = [], time.monotonic() + seconds, 0
    due = time.monotonic()
    while time.monotonic() < over:
        level = (level + 1) % 8
        ticks = START + STEP_TICKS * min(level, 8 - level)
        servos.do(control.Hand(arm="leader", ticks={1: float(ticks)}))
        steps.append((time.monotonic(), ticks))
        due += STEP_S
        time.sleep(max(0.0, due - time.monotonic()))
    return steps


def loop(options: argparse.Namespace) -> None:
    """Periods and the bus's share, at each rate."""
    empty = np.diff(bare_loop(options.seconds)) / 1e9 * 30
    print(f"30 Hz, nothing to do   period {quantiles(empty)}, late {int((empty > LATE).sum())}", flush=True)
    for fps in RATES:
        periods: list[float] = []
        bus_s = whole_s = 0.0
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                servos = Servos(Path(folder) / "servos", "follower", "leader:leader", latency_s=0.001)
                try:
                    session = ServoSession(Path(folder), profile(servos), fps=fps).ready()
                    session.follow()
                    with BusTime() as bus:
                        began = time.monotonic_ns()
                        staircase(servos, options.seconds)
                        ended = time.monotonic_ns()
                    session.terminate()
                finally:
                    servos.close()
                stamps = np.array((session.workers.context.run.root / "trace.txt").read_text().split(), dtype=np.int64)
                stamps = stamps[(stamps >= began) & (stamps <= ended)]
                periods += (np.diff(stamps) / 1e9 * fps).tolist()
                bus_s, whole_s = bus_s + bus.seconds, whole_s + (ended - began) / 1e9
        late = int((np.array(periods) > LATE).sum())
        share, ratio = 100 * bus_s / whole_s, np.percentile(periods, 99) / np.percentile(empty, 99)
        print(f"{fps} Hz over the bus     period {quantiles(periods)}, late {late}")
        print(f"                       on the bus {share:.0f} % of it; p99 / bare {ratio:.3f}", flush=True)


# --- from the leader to the goal packet ---------------------------------------------------------------

STOCK = """
import sys
from pathlib import Path
from services.workers.process.environment import load_libusb
load_libusb()
from lerobot.processor import make_default_processors
from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig
from lerobot.scripts.lerobot_teleoperate import teleop_loop
from lerobot.teleoperators.so_leader import SO101Leader, SO101LeaderConfig
port, fps, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def config(kind, arm):
    return kind(id=arm, port=str(port / arm), calibration_dir=port / "calibration")
teleop, robot = SO101Leader(config(SO101LeaderConfig, "leader")), SO101Follower(config(SO101FollowerConfig, "follower"))
teleop.connect(calibrate=False), robot.connect(calibrate=False)
print("ready", file=sys.stderr, flush=True)
teleop_loop(teleop, robot, fps, *make_default_processors(), duration=seconds)
robot.disconnect(), teleop.disconnect()
"""


def delays_ms(log: Path, steps: list[tuple[float, int]]) -> list[float]:
    """From each step but the last to the follower's first goal for its first joint that is nearer to it than before."""
    goals = []
    for line in log.read_text("ascii").splitlines():
        at, code, address, *writes = line.split()
        if code == "83" and address == "42" and writes and writes[0].startswith("1="):
            goals.append((float(at), int.from_bytes(bytes.fromhex(writes[0][2:])[:2], "little")))
    found = []
    for (at, ticks), (until, _) in pairwise(steps[2:]):
        reached = next((when for when, goal in goals if at < when < until and abs(goal - ticks) < STEP_TICKS / 2), None)
        if reached is not None:
            found.append(1000 * (reached - at))
    return found


def ours(folder: Path, fps: int, seconds: float) -> list[float]:
    """The console's session."""
    servos = Servos(folder / "servos", "follower", "leader:leader", latency_s=0.001)
    try:
        session = ServoSession(folder, profile(servos), fps=fps).ready()
        session.follow()
        steps = staircase(servos, seconds)
        session.terminate()
    finally:
        servos.close()
    return delays_ms(servos.log("follower"), steps)


def stock(folder: Path, fps: int, seconds: float) -> list[float]:
    """LeRobot's own loop."""
    servos = Servos(folder / "servos", "follower", "leader:leader", latency_s=0.001)
    try:
        argv = [sys.executable, "-c", STOCK, str(servos.folder), str(fps), str(seconds + 1)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            while "ready" not in (line := process.stderr.readline()):
                assert line, "LeRobot's loop did not start"
            steps = staircase(servos, seconds)
            said = process.stderr.read()
    finally:
        servos.close()
    if process.returncode:  # it has no remedy for an answer that comes late
        print(f"{fps} Hz, LeRobot's loop ended early: {said.strip().splitlines()[-1]}")
    return delays_ms(servos.log("follower"), steps)


def delay(options: argparse.Namespace) -> None:
    """Both at each rate, in turn."""
    for fps in RATES:
        taken: dict[Callable[..., list[float]], list[float]] = {ours: [], stock: []}
        for _ in range(options.rounds):
            for way in taken:
                with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                    taken[way] += way(Path(folder), fps, options.seconds)
        for way, found in taken.items():
            print(f"{fps} Hz, leader to goal packet, {way.__name__:5} {quantiles(found, ' ms')}")
        ratios = [np.percentile(taken[ours], q) / np.percentile(taken[stock], q) for q in (50, 99)]
        print(f"{fps} Hz, ours / LeRobot's: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}", flush=True)


# --- what the whole bench costs -----------------------------------------------------------------------


def cpu_s(pids: list[int]) -> dict[str, float]:
    """CPU seconds of the worker, the world and the world's painter so far."""
    worker, world = (psutil.Process(pid) for pid in pids)
    parts = {"worker": [worker], "world": [world], "painter": world.children()}
    return {name: sum(sum(process.cpu_times()[:2]) for process in group) for name, group in parts.items()}


def startup_s(run: RunFolder) -> float:
    """From the first word to the simulated bench to the arm that holds and waits."""
    phases = [e for e in read_events(run.events) if isinstance(e, ev.PhaseChanged)]
    began = next(e.at for e in phases if "simulated bench" in e.detail)
    return next(e.at for e in phases if e.phase == Phase.IDLE) - began


def with_opencv() -> Profile:
    """The bench on emulated servos, with LeRobot's own class for the overhead camera."""
    camera = '{type="opencv", index_or_path="sim:overhead", warmup_s=0, width=640, height=480, fps=30}'
    settings = [f"robot.cameras.overhead={camera}"]
    return apply_settings(load_benches(built_in=True).pick("so101-sim"), settings)[0]


BENCHES: dict[str, Callable[[], Profile]] = {
    "sim": lambda: load_benches(built_in=True).pick("sim"),
    "so101-sim": lambda: load_benches(built_in=True).pick("so101-sim"),
    "opencv": with_opencv,
}


async def one_session(rig: Rig, bench: str, number: int, seconds: float) -> dict[str, Any]:
    """Record one take of so many seconds; what it cost."""
    from services.live import protocol

    chosen = BENCHES[bench]()
    run = rig.record(chosen, dataset=f"take-{number}", episodes=1, episode_seconds=60.0, reset_seconds=0.0)
    async with rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await link.until(lambda s: s.phase is Phase.RECORDING, 20)
        await recorded(link)
        pids = [rig.pid(run), rig.world().state().pid]
        before, began = cpu_s(pids), time.monotonic_ns()
        await asyncio.sleep(seconds)
        after, ended = cpu_s(pids), time.monotonic_ns()
        await press(link, lambda: protocol.EndTake(take=1))
        await finish(link)
    stamps = np.array((run.root / "trace.txt").read_text().split(), dtype=np.int64)
    periods = np.diff(stamps[(stamps >= began) & (stamps <= ended)]) / 1e9 * 30
    shares = {name: 100 * (after[name] - before[name]) / ((ended - began) / 1e9) for name in before}
    return {"periods": periods.tolist(), "startup": startup_s(run), **shares}


def cost(options: argparse.Namespace) -> None:
    """Each bench by turns; a session that starts the world, then one that finds it."""
    benches = options.benches
    got: dict[str, list[dict[str, Any]]] = {bench: [] for bench in benches}
    for _ in range(options.rounds):
        for bench in benches:
            with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
                rig = Rig(Path(folder))
                try:
                    got[bench] += [asyncio.run(one_session(rig, bench, n, options.seconds)) for n in range(2)]
                finally:
                    rig.close()
    sums = {}
    for bench, sessions in got.items():
        periods = [period for session in sessions for period in session["periods"]]
        shares = {k: statistics.median(s[k] for s in sessions) for k in ("worker", "world", "painter")}
        first, again = (statistics.median(s["startup"] for s in sessions[at::2]) for at in (0, 1))
        sums[bench] = sum(shares.values()), first, again
        print(f"{bench:10} period {quantiles(periods)}, late {sum(p > LATE for p in periods)}")
        parts = ", ".join(f"{name} {share:.1f}" for name, share in shares.items())
        print(f"{'':10} CPU {sums[bench][0]:.1f} % of a core ({parts}); start {first:.2f} s, again {again:.2f} s")
    for bench in benches[1:]:
        ratios = [a / b for a, b in zip(sums[bench], sums[benches[0]], strict=True)]
        print("{} / {}: CPU {:.2f}, start {:.2f}, again {:.2f}".format(bench, benches[0], *ratios), flush=True)


def main() -> None:
    """Measure what was asked for."""
    parts = {"loop": loop, "delay": delay, "cost": cost}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--benches", nargs="+", choices=BENCHES, default=list(BENCHES))
    options = parser.parse_args()
    os.environ[TRACE] = "1"
    for name in options.only:
        parts[name](options)


if __name__ == "__main__":
    main()

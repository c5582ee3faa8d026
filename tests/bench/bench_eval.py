"""The evaluation worker in real time: control loop, stop and verdict, while a policy infers on this CPU.

    uv run python -m tests.bench.bench_eval [--seconds 20] [--stops 20] [--verdicts 100]

One run measures, on the simulated bench with two 320x240 cameras and streaming h264: the control loop's period in a
trial of a small image ACT (resnet18, a new chunk every half second), against a trial of the same policy with a chunk
so long that it infers only before the trial; the time from the stop command to the hold command at the robot while the
policy infers; and the time from a verdict's command to its confirmation, which follows the fsync.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from services.bench.profiles import Profile
from services.folders import RunFolder
from services.live import protocol
from services.live.link import Link
from services.live.phases import Phase
from sessions.models import Verdict
from tests.bench.bench_record import PERIOD_MS, errors, missed, percentiles
from tests.support.evaluating import checkpoint, evaluate, judge, start
from tests.support.rig import Rig, finish, gone, press, say, wait_until

CAMERAS = {"overhead": (320, 240), "wrist": (320, 240)}
SMALL = {"cube": False, "cameras": CAMERAS, "dim_model": 128, "n_heads": 4, "dim_feedforward": 256, "spread": 3.0}
OFTEN = {**SMALL, "chunk_size": 50, "n_action_steps": 15}
ONCE = {**SMALL, "chunk_size": 1500, "n_action_steps": 1500}
FOREVER = {"lockstep": False, "trial_seconds": 1e6, "trials": 1000}


def bench(rig: Rig) -> Profile:
    """The simulated bench with the policies' cameras."""
    size = [
        f"robot.cameras.{name}.{key}={value}"
        for name, (width, height) in CAMERAS.items()
        for key, value in (("width", width), ("height", height))
    ]
    return rig.profile(*size, "motion.max_joint_speed=110.0")


async def a_trial(link: Link, seconds: float) -> tuple[int, int]:
    """Run one trial; returns its start and end in nanoseconds of the monotonic clock."""
    number = await start(link)
    await asyncio.sleep(0.5)
    began = time.monotonic_ns()
    await asyncio.sleep(seconds)
    ended = time.monotonic_ns()
    await judge(link, number, Verdict.VOID)
    return began, ended


async def periods(rig: Rig, name: str, policy: Path, seconds: float) -> list[int]:
    """The starts of the control periods in one trial."""
    os.environ["LAB_CONSOLE_TRACE"] = "1"
    seen: list[protocol.Telemetry] = []
    run = evaluate(rig, bench(rig), policy=policy, **FOREVER)
    async with rig.attached(run, on_telemetry=seen.append) as link:
        await say(link, protocol.SetPreviews(sizes={"wrist": (60, 44), "overhead": (60, 44)}))
        began, ended = await a_trial(link, seconds)
        await finish(link)
    del os.environ["LAB_CONSOLE_TRACE"]
    wait_until(gone(run))
    stamps = [n for n in map(int, (run.root / "trace.txt").read_text().split()) if began <= n <= ended]
    during = [t for t in seen if t.take_frames]
    print(
        f"{name:<21}{percentiles(errors(stamps))}, missed {missed(stamps)}, "
        f"inference {np.median([t.infer_ms for t in during]):.0f} ms, starved {during[-1].starved}"
    )
    return stamps


async def stops(rig: Rig, link: Link, count: int) -> list[float]:
    """Milliseconds from the stop command to the hold command at the robot, while the policy infers."""
    world, taken = rig.world(), []
    for turn in range(count):
        number = await start(link)
        await asyncio.sleep(0.8 + 0.017 * turn)
        at = time.monotonic_ns()
        link.send(protocol.Stop())
        await link.until(lambda s: s.phase is Phase.HELD, 5)
        await asyncio.sleep(0.2)
        log = world.goal_log(200)
        held = log[-1].goals
        first = next(r.received_ns for r in log if r.received_ns > at and np.allclose(r.goals, held, atol=1e-6))
        taken.append((first - at) / 1e6)
        await say(link, protocol.JudgeTrial(trial=number, verdict=Verdict.VOID))
        await press(link, protocol.GoToRest)
        await link.until(lambda s: s.phase is Phase.RESTED, 30)
    return taken


async def verdicts(link: Link, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from a verdict's command to its confirmation: on running trials, and on pending ones.

    Five on each trial: the first ends it; the others are given after the one before was taken back.
    """
    running: list[float] = []
    pending: list[float] = []
    while len(running) + len(pending) < count:
        number = await start(link)
        await asyncio.sleep(0.5)
        for turn in range(5):
            began = time.perf_counter()
            await say(link, protocol.JudgeTrial(trial=number, verdict=Verdict.SUCCESS))
            (pending if turn else running).append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(0.05)
            if turn < 4:
                await say(link, protocol.UndoVerdict(trial=number))
        await link.until(lambda s: s.phase in (Phase.RESTED, Phase.DONE), 30)
    return running, pending


async def measure(rig: Rig, seconds: float, stop_count: int, verdict_count: int) -> None:
    """Measure everything and print it."""
    once, often = checkpoint(rig, "once", **ONCE), checkpoint(rig, "often", **OFTEN)
    without = await periods(rig, "period, no inference", once, seconds)
    inferring = await periods(rig, "period, inferring", often, seconds)
    more = np.percentile(errors(inferring), 99) - np.percentile(errors(without), 99)
    print(f"{'':<21}p99 {more:+.2f} ms while inferring (target at most +2)")
    run: RunFolder = evaluate(rig, bench(rig), policy=often, **FOREVER)
    async with rig.attached(run) as link:
        taken = await stops(rig, link, stop_count)
        print(f"{'stop to hold':<21}{percentiles(taken)} (target p99 {PERIOD_MS + 5:.1f})")
        running, pending = await verdicts(link, verdict_count)
        print(f"{'verdict to disk':<21}{percentiles(running + pending)} (target p99 20)")
        print(f"{'  that ends a trial':<21}{percentiles(running)}")
        print(f"{'  on a pending one':<21}{percentiles(pending)}")
        await finish(link)


def main() -> None:
    """Parse the options, measure, clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--verdicts", type=int, default=100)
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        rig = Rig(Path(folder) / "lab")
        try:
            asyncio.run(measure(rig, options.seconds, options.stops, options.verdicts))
        finally:
            rig.close()


if __name__ == "__main__":
    main()

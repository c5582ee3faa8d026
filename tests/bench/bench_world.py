"""The cost of the simulated world. Run: python -m tests.bench.bench_world [seconds]"""

import sys
import tempfile
import time

import numpy as np
import psutil

from services.sim.client import WorldClient
from services.sim.launch import ensure_world


def share_of_a_core(processes: list[psutil.Process], seconds: float) -> float:
    """Percent of one core that these processes use together over `seconds`."""

    def used() -> float:
        return sum(sum(p.cpu_times()[:2]) for p in processes)

    before = used()
    time.sleep(seconds)
    return 100 * (used() - before) / seconds


def answers(world: WorldClient, seconds: float) -> str:
    """Median, 99th percentile and worst time of an answer, asked 200 times a second."""
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        world.joints()
        taken.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.005)
    median, p99, worst = np.percentile(taken, [50, 99, 100])
    return f"median {median:.3f}, p99 {p99:.2f}, worst {worst:.2f} ms"


def main() -> None:
    """Print start time, answer times and CPU shares, with and without cameras."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        world = ensure_world(folder)
        print(f"start: {time.monotonic() - start:.2f} s")
        process = psutil.Process(world.state().pid)
        print(f"answers, no camera: {answers(world, seconds)}")
        print(f"CPU, connected, no camera: {share_of_a_core([process], seconds):.1f} % of a core")
        cameras = [world.camera(view, 640, 480) for view in ("overhead", "wrist")]
        time.sleep(0.5)
        first, began = cameras[0].newest(), time.monotonic()
        print(f"answers, two cameras: {answers(world, seconds)}")
        share = share_of_a_core([process, *process.children()], seconds)
        rate = (cameras[0].newest() - first) / (time.monotonic() - began)
        print(f"CPU, two cameras: {share:.1f} % of a core, {rate:.1f} frames/s each")
        for camera in cameras:
            camera.close()
        world.close()
        print(f"CPU, nobody connected: {share_of_a_core([process], seconds):.1f} % of a core")
        WorldClient(folder).shutdown()


if __name__ == "__main__":
    main()

"""The cost of painting a pair of 640x480 frames. Run: python -m tests.bench.bench_painter [pairs]"""

import sys
import time
from collections.abc import Callable

import cv2
import mujoco
import numpy as np

from services.sim.arm import HOME, REST
from services.sim.painter import Painter
from services.sim.plant import Plant
from services.sim.wire import VIEWS

BUDGET_MS = 15.0


def milliseconds(work: Callable[[int], object], times: int) -> tuple[float, float]:
    """Median and 95th percentile of `times` calls."""
    taken = []
    for i in range(times):
        start = time.perf_counter()
        work(i)
        taken.append((time.perf_counter() - start) * 1e3)
    return float(np.median(taken)), float(np.percentile(taken, 95))


def main() -> int:
    """Print milliseconds and the ratio to a plain resize; 1 when the pair is over the budget."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    plant = Plant()
    painters = [Painter(plant.model, view) for view in VIEWS]

    def pair(i: int) -> None:
        share = (i % 60) / 60
        plant.data.qpos[plant._joint_at] = np.deg2rad(REST + share * (HOME - REST))
        mujoco.mj_kinematics(plant.model, plant.data)
        mujoco.mj_camlight(plant.model, plant.data)
        for painter in painters:
            painter.paint(plant.data, i)

    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    median, p95 = milliseconds(pair, pairs)
    baseline, _ = milliseconds(lambda _: cv2.resize(frame, (960, 720), interpolation=cv2.INTER_LINEAR), pairs)
    print(f"pair of frames: median {median:.2f} ms, p95 {p95:.2f} ms (budget {BUDGET_MS:g} ms)")
    print(f"baseline, one resize of a frame to 960x720: {baseline:.2f} ms; ratio {median / baseline:.1f}")
    return int(median > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main())

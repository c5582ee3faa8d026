"""The bench worker: teleoperate without recording, go to rest, release, or just hold."""

from __future__ import annotations

import sys

from services.live.requests import BenchRequest, Purpose
from services.workers.arm.run_arm import Make, run_armed
from services.workers.process.context import Context
from services.workers.process.run_worker import End, run_worker


def body(context: Context, request: BenchRequest) -> End:
    """Run one bench session, which starts with its purpose and then obeys commands."""
    arm_only = request.purpose is not Purpose.TELEOPERATE

    def load() -> Make:
        from services.workers.arm.bench_strategy import BenchStrategy

        return lambda context, devices: BenchStrategy(request.purpose)

    return run_armed(context, request, load=load, arm_only=arm_only)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))

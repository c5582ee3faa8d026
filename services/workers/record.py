"""The recording worker: demonstrations into a LeRobot dataset, one durable take at a time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.datasets import DatasetBusy, dataset_lock
from services.requests import RecordRequest
from services.workers.armed import Make, run_armed
from services.workers.desk import Desk
from services.workers.process import CannotStart, End, run_worker


def body(desk: Desk, request: RecordRequest) -> End:
    """One recording sitting, under the dataset's lock."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    root.parent.mkdir(parents=True, exist_ok=True)
    who = f"session {desk.run.id}" + (f" of {request.operator}" if request.operator else "")
    try:
        lock = dataset_lock(root, f"{who}, pid {os.getpid()}")
    except DatasetBusy as busy:
        raise CannotStart(str(busy)) from busy

    def load() -> Make:
        from services.workers.record_sitting import RecordSitting

        return lambda desk, devices: RecordSitting(desk, devices, request, root)

    with lock:
        return run_armed(desk, request, load=load)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))

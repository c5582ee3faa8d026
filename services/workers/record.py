"""The recording worker: demonstrations into a LeRobot dataset, one durable take at a time."""

from __future__ import annotations

import sys
from pathlib import Path

from services.datasets.lock import DatasetBusy, dataset_lock
from services.live.requests import RecordRequest
from services.workers.arm.run_arm import Make, run_armed
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End, run_worker


def body(context: Context, request: RecordRequest) -> End:
    """One recording session, under the dataset's lock."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = dataset_lock(root, context.run.id, operator=request.operator)
    except DatasetBusy as busy:
        raise CannotStart(str(busy)) from busy

    def load() -> Make:
        from services.workers.recording.session import RecordingSession

        return lambda context, devices: RecordingSession(context, devices, request, root)

    with lock:
        return run_armed(context, request, load=load)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))

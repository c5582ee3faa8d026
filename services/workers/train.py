"""The training worker: supervises a trainer process, which runs LeRobot's loop. Imports no torch itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from services.datasets.lock import DatasetBusy, dataset_lock
from services.folders import RunFolder
from services.live.requests import TrainRequest
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End, run_worker
from services.workers.training.supervisor import Supervisor, Trainer

INHERITED = dict(os.environ)
"""The environment before `prepare()`, which limits BLAS to one thread for the sake of control loops."""


def body(context: Context, request: TrainRequest) -> End:
    """Run one training. The dataset's lock is held until its episodes are fixed."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    if not root.is_dir():
        raise CannotStart(f"there is no dataset {request.dataset}")
    try:
        lock = dataset_lock(root, context.run.id, operator=request.operator, reading=True)
    except DatasetBusy as busy:
        raise CannotStart(str(busy)) from busy
    except OSError as error:
        raise CannotStart(f"dataset {request.dataset} cannot be locked: {error}") from error
    with lock:
        ours, theirs = socket.socketpair()
        with theirs:
            trainer = spawn(context.run, theirs)
        return Supervisor(context, request, lock, trainer, ours).run()


def spawn(run: RunFolder, channel: socket.socket) -> Trainer:
    """Start the trainer of `run` with its end of the connection, `channel`; it inherits standard output and error."""
    environment = INHERITED | {
        "TQDM_DISABLE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "services.workers.training.trainer",
            str(run.root),
            str(channel.fileno()),
            str(os.getpid()),
        ],
        stdin=subprocess.DEVNULL,
        env=environment,
        pass_fds=[channel.fileno()],
    )


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))

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
from services.training.resumable import going_on
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End, run_worker
from services.workers.training.supervisor import Supervisor, Trainer

INHERITED = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
"""The environment before `prepare()`, which limits BLAS to one thread for the sake of control loops.

Without what some clusters set for every job: one process would wait for others that nobody starts.
"""

QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


def body(context: Context, request: TrainRequest) -> End:
    """Run one training, or go on with it. The dataset's lock is held until its episodes are fixed."""
    request = going_on(request, context.before.resuming)
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
            trainer = spawn(context.run, theirs) if request.processes == 1 else several(request, context.run, theirs)
        return Supervisor(context, request, lock, trainer, ours).run()


def spawn(run: RunFolder, channel: socket.socket) -> Trainer:
    """Start the trainer of `run` with its end of the connection, `channel`; it inherits standard output and error."""
    words = ["services.workers.training.trainer", str(run.root), str(channel.fileno()), str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", *words], stdin=subprocess.DEVNULL, env=INHERITED | QUIET,
        pass_fds=[channel.fileno()],
    )  # fmt: skip


def several(request: TrainRequest, run: RunFolder, channel: socket.socket) -> Trainer:
    """Start the processes that train together; the connection is their standard input."""
    words = ["services.workers.training.several", str(run.root), str(os.getpid()), str(request.processes)]
    return subprocess.Popen([sys.executable, "-P", "-m", *words], stdin=channel.fileno(), env=INHERITED | QUIET)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))

"""Starts the processes of a training through `accelerate launch`. Launched by `services.workers.train` only.

`python -P -m services.workers.training.several RUN_FOLDER PARENT PROCESSES`: standard input is the connection to the
supervisor, whose process is PARENT. The trainers inherit it, and end with this process.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from accelerate.commands.launch import launch_command, launch_command_parser
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from services.child_process import die_with
from services.folders import RunFolder
from services.live.requests import TrainRequest, read_request
from services.workers.training.messages import Ended, Outcome, encode
from services.workers.training.ranks import stop_file

ON_CPU = "policy.device=cpu"
CONNECTION = 0
"""The descriptor that torch's launcher lets a process inherit."""


def main(argv: list[str]) -> int:
    """Launch them and wait; returns the exit status."""
    run, parent, count = RunFolder(Path(argv[1])), int(argv[2]), int(argv[3])
    die_with(parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor decides
    if why := _too_few_devices(run, count):
        os.write(CONNECTION, encode(Ended(outcome=Outcome.REFUSED, text=why)))
        return 1
    stop_file(run).unlink(missing_ok=True)
    os.environ["PYTHONSAFEPATH"] = "1"
    if ON_CPU in _settings(run):  # else torch's barrier (2.11) waits on a GPU for each process, of those there are
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    trainer = ["-m", "services.workers.training.trainer", str(run.root), str(CONNECTION), str(os.getpid())]
    words = [
        "--multi_gpu", f"--num_processes={count}", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no",
        "--main_process_port=0",
    ]  # fmt: skip  # on a CPU, too: --cpu starts several by MPI only (accelerate 1.15, `commands/launch.py`)
    try:
        launch_command(launch_command_parser().parse_args([*words, *trainer]))
    except ChildFailedError as error:
        status = next((failure.exitcode for failure in error.failures.values()), 1)
        if status < 0:  # so that the supervisor sees what killed it
            os.kill(os.getpid(), -status if -status in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT) else 9)
        return status or 1
    return 0


def _settings(run: RunFolder) -> tuple[str, ...]:
    request = read_request(run)
    assert isinstance(request, TrainRequest)
    return request.settings


def _too_few_devices(run: RunFolder, count: int) -> str:
    """Why so many processes cannot train here; empty if they can."""
    import torch

    there = torch.cuda.device_count()
    if ON_CPU in _settings(run) or not there or there >= count:
        return ""
    gpus = "1 GPU" if there == 1 else f"{there} GPUs"
    return f"{count} processes need a GPU each, and this machine has {gpus}: train with {there}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""`lab-console send`: copy a dataset or a checkpoint to a target."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from console.commands.moving import move
from services.datasets.lock import DatasetProblem, dataset_lock
from services.folders import data_folder
from services.refusal import Refusal
from services.targets.connection import Connection
from services.targets.finding import find
from services.targets.transfer import Cargo, Moved, Transfer


def send(options: argparse.Namespace) -> int:
    """Send it; what differs there is never overwritten."""
    folder = data_folder(options.data_dir)
    found = find(folder, options.what)

    def act(connection: Connection, transfer: Transfer) -> tuple[str, Moved]:
        with ExitStack() as stack:
            if found.path.startswith("datasets/"):
                try:
                    stack.enter_context(dataset_lock(folder.root / found.path, "send", reading=True))
                except DatasetProblem as problem:
                    raise Refusal(str(problem)) from problem
            return found.what, transfer.send(Cargo(found.what, folder.root / found.path, found.path))

    return move(options.to, act, "on")

"""The dataset that a session records into, locked before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

from services.datasets.lock import DatasetBusy, DatasetLock, dataset_lock
from services.live.requests import EvalRequest, RecordRequest
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart
from sessions.files import why_unwritable


def lock_to_record(root: Path, context: Context, request: RecordRequest | EvalRequest) -> DatasetLock:
    """The lock on the dataset at `root`. Raises CannotStart, saying who holds it or why it cannot be written."""
    try:
        return dataset_lock(root, context.run.id, operator=request.operator)
    except DatasetBusy as busy:
        raise CannotStart(str(busy)) from busy
    except OSError as error:
        raise CannotStart(f"dataset {request.dataset} cannot be written: {why_unwritable(error)}") from error

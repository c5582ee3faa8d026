"""The worker of a training that runs on a target: it sends what is needed, and mirrors the session there."""

from __future__ import annotations

import sys

from services.live.requests import TrainRequest
from services.workers.following.follower import Follower
from services.workers.process.context import Context
from services.workers.process.run_worker import End, run_worker


def body(context: Context, request: TrainRequest) -> End:
    """Follow one training, from where its events and metrics here end."""
    return Follower(context, request).run()


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body, first=""))

"""The trainer: LeRobot's training loop in a separate process. Launched by `services.workers.train` only.

`python -P -m services.workers.training.trainer RUN_FOLDER DESCRIPTOR PARENT`: the descriptor is its connection to
the supervisor, whose process is PARENT (or started that, if several processes train). It ends with its supervisor, or
when that stops it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from pathlib import Path

from services.child_process import die_with
from services.folders import RunFolder
from services.live.event_log import read_events
from services.live.requests import TrainRequest, read_request
from services.live.snapshots import replay
from services.training.resumable import going_on
from services.workers.training.channel import Channel
from services.workers.training.demonstrations import read_demonstrations
from services.workers.training.errors import explain, is_explained, loader_was_killed
from services.workers.training.messages import Ended, Outcome
from services.workers.training.ranks import Quiet, Ranks
from sessions.document import Training

logger = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Run the training that the run's request describes; returns the exit status."""
    run, connection = RunFolder(Path(argv[1])), _connection(int(argv[2]))
    die_with(int(argv[3]))
    first = Ranks(run).first
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if first else ():
        signal.signal(number, lambda *_: None)  # the supervisor decides; loaders would inherit SIG_IGN
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    request = read_request(run)
    assert isinstance(request, TrainRequest)
    resumed = replay(read_events(run.events)).resuming
    channel = Channel(connection) if first else Quiet(connection)
    end = _end_of(run, going_on(request, resumed), resumed, channel)
    channel.send(end)
    return 0 if end.outcome in (Outcome.FINISHED, Outcome.STOPPED) else 1


def _connection(descriptor: int) -> socket.socket:
    """The connection to the supervisor; one that came as standard input is not inherited further."""
    if descriptor:
        return socket.socket(fileno=descriptor)
    connection = socket.socket(fileno=os.dup(descriptor))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
    return connection


def _end_of(run: RunFolder, request: TrainRequest, resumed: Training | None, channel: Channel) -> Ended:
    session = None
    try:
        demonstrations = read_demonstrations(request, channel, resumed)
        channel.progress("loading LeRobot")
        from services.workers.training import training_run  # it imports torch and LeRobot

        session = training_run.TrainingRun(run, request, demonstrations, channel, resumed)
        return session.train()
    except Exception as error:  # LeRobot may raise anything, and the operator needs a sentence
        logger.error("the training failed: %s", error, exc_info=not is_explained(error))
        begun = session is not None and session.begun
        return Ended(
            outcome=Outcome.FAILED if begun else Outcome.REFUSED,
            step=session.step if session else 0,
            text=explain(error, request),
            loader_killed=loader_was_killed(error),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv))

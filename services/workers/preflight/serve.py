"""The process that reads a policy's training data for a preflight: it answers one request, and ends.

Launched by `services.workers.preflight.reading`: `python -P -m services.workers.preflight.serve PARENT`; standard
input is a socket. Neither torch nor LeRobot is imported.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from services.child_process import die_with
from services.evaluation.preflight.pictures import Look
from services.workers.preflight import reading
from services.workers.preflight.data_files import pictures, read
from services.workers.preflight.reading import LENGTH, Reply, Request, Wanted
from services.workers.preflight.training_data import Episode, Unreachable, Values, why_unreadable
from services.workers.viewing.dataset_files import Datasets, Unreadable

NICENESS = 10
"""Reading recorded episodes takes no time from a control loop."""
_OOM, FIRST = Path("/proc/self/oom_score_adj"), "1000"
"""Where memory is short, Linux ends this process, and not the one with the arm."""


def main(argv: list[str]) -> int:
    """Answer the request."""
    die_with(int(argv[1]))
    os.nice(max(0, NICENESS - os.nice(0)))
    with suppress(OSError):  # only Linux has it
        _OOM.write_text(FIRST)
    with socket.socket(fileno=os.dup(0)) as connection:
        length = int.from_bytes(connection.recv(LENGTH, socket.MSG_WAITALL))
        message = answer(reading.decode_request(connection.recv(length, socket.MSG_WAITALL)))
        connection.sendall(len(message).to_bytes(LENGTH) + message)
    return 0


def answer(request: Request) -> bytes:
    """Do what is asked; every failure is a sentence."""
    try:
        return reading.encode(_read(request) if isinstance(request, reading.ReadData) else _show(request))
    except (Unreachable, Unreadable) as problem:
        return reading.encode(reading.Failed(text=str(problem)))
    except Exception as error:  # anybody's files, and libraries that may raise anything
        return reading.encode(reading.Failed(text=why_unreadable(error)))


def _read(request: reading.ReadData) -> Reply:
    data = read(Path(request.root), request.learnt, request.cameras)
    return reading.DataRead(
        fps=data.fps,
        episodes=tuple(map(_episode, data.episodes)),
        names=dict(data.names),
        tasks=tuple(data.tasks),
        looks={name: tuple(map(_look, slot.looks)) for name, slot in data.slots.items()},
        unseen=dict(data.unseen),
    )


def _episode(episode: Episode) -> reading.EpisodeRead:
    return reading.EpisodeRead(episode.number, {key: _table(values) for key, values in episode.values.items()})


def _table(values: Values) -> reading.Table:
    return reading.Table(len(values), values.shape[1], _bytes(values))


def _look(look: Look) -> reading.LookRead:
    return reading.LookRead(_bytes(look.fields), look.sharpness)


def _bytes(values: Values) -> memoryview:
    return memoryview(np.ascontiguousarray(values, np.float32).tobytes())


def _show(request: reading.ShowPictures) -> Reply:
    datasets = Datasets()
    return reading.PicturesShown(
        found=tuple(_shown(datasets, Path(request.root), each) for each in request.wanted),
    )


def _shown(datasets: Datasets, root: Path, wanted: Wanted) -> tuple[memoryview, ...] | str:
    """The pictures, or why there are none."""
    found: list[memoryview] = []
    size = {wanted.camera: (wanted.width, wanted.height)}
    for _, picture in pictures(datasets.find(root, wanted.episode), wanted.frames, size):
        if isinstance(picture, str):
            return picture
        found.append(memoryview(picture.tobytes()))
    return tuple(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

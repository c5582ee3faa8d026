"""The process that reads episodes for a viewer: answers one request after the other until its connection closes.

Launched by `services.datasets.episode_view`: `python -P -m services.workers.viewing.serve PARENT`; standard input is a
socket. LeRobot is not imported: it takes seconds, and the files say all that a look needs.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from services.datasets.episode_view import (
    LENGTH,
    Failed,
    OpenEpisode,
    Reply,
    Request,
    decode_request,
    encode,
)
from services.workers.viewing.dataset_files import Datasets, Unreadable
from services.workers.viewing.opened import OpenedEpisode

NICENESS = 10
"""A look at old episodes takes no time from a control loop."""


def main(argv: list[str]) -> int:
    """Answer until the viewer is gone."""
    os.nice(NICENESS)
    with socket.socket(fileno=os.dup(0)) as connection:
        if os.getppid() != int(argv[1]):
            return 1
        viewer = Viewer()
        while (request := receive(connection)) is not None:
            message = encode(viewer.answer(request))
            try:
                connection.sendall(len(message).to_bytes(LENGTH) + message)
            except OSError:
                return 0
    return 0


def receive(connection: socket.socket) -> Request | None:
    """The next request; None once the viewer is gone."""
    try:
        length = connection.recv(LENGTH, socket.MSG_WAITALL)
        if len(length) < LENGTH:
            return None
        message = connection.recv(int.from_bytes(length), socket.MSG_WAITALL)
    except OSError:
        return None
    return decode_request(message)


class Viewer:
    """The episode that is open, if one is."""

    def __init__(self) -> None:
        self._datasets = Datasets()
        self._open: OpenedEpisode | None = None

    def answer(self, request: Request) -> Reply:
        """Do what is asked; every failure is a sentence."""
        try:
            if isinstance(request, OpenEpisode):
                return self._open_episode(request)
            if self._open is None:
                return Failed(text="no episode is open")
            return self._open.show(request)
        except Unreadable as error:
            return Failed(text=str(error), episodes=error.episodes, empty=error.empty)

    def _open_episode(self, request: OpenEpisode) -> Reply:
        if self._open is not None:
            self._open.close()
            self._open = None
        found = self._datasets.find(Path(request.root), request.episode)
        self._open = OpenedEpisode(found)
        return self._open.facts


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""Paths of a data folder's world: socket, shared memory, lock and log."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from services.folders import socket_folder
from services.sim.shared import memory_folder


@dataclass(frozen=True)
class Place:
    """The paths of one data folder's world."""

    data_dir: Path
    socket: Path
    memory: Path

    @property
    def servos(self) -> Path:
        """Ports and calibration of the emulated servos, by arm."""
        return self.data_dir / "sim" / "servos"

    @property
    def cameras(self) -> Path:
        """The views that LeRobot's own camera class reads, by name."""
        return self.data_dir / "sim" / "cameras"

    @property
    def lock(self) -> Path:
        """Held (flock) by the world for its life."""
        return self.data_dir / "sim" / "world.lock"

    @property
    def log(self) -> Path:
        """The world's output."""
        return self.data_dir / "sim" / "world.log"


def place_of(data_dir: str | os.PathLike[str]) -> Place:
    """The place of a data folder's world. Raises FolderProblem if the private folder is not this user's."""
    resolved = Path(data_dir).resolve()
    name = "sim-" + hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]
    return Place(resolved, socket_folder() / f"{name}.sock", memory_folder() / f"{name}.frames")


def sweep(memories: Path, sockets: Path, older_than_s: float = 60.0) -> None:
    """Remove the files of killed worlds of other data folders: memory whose socket nobody answers."""
    for memory in memories.glob("sim-*.frames"):
        address = sockets / f"{memory.stem}.sock"
        try:
            if time.time() - memory.stat().st_mtime > older_than_s and not _answers(address):
                memory.unlink(missing_ok=True)
                address.unlink(missing_ok=True)
        except OSError:
            continue


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(str(address))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True

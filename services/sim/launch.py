"""Starts the world of a data folder, once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress

from services.folders import FolderProblem
from services.sim.client import WorldClient
from services.sim.place import Place, place_of

START_S = 15.0
BUSY = 3
"""Exit status of a world whose data folder already has one."""


def ensure_world(data_dir: str | os.PathLike[str]) -> WorldClient:
    """A connection to the data folder's world; starts one unless it runs already.

    Raises ConnectionError with the reason if it does not start within START_S.
    """
    try:
        place = place_of(data_dir)
        place.log.parent.mkdir(parents=True, exist_ok=True)
    except (FolderProblem, OSError) as error:
        raise ConnectionError(f"the simulated bench of {data_dir} cannot start: {error}") from error
    deadline = time.monotonic() + START_S
    while True:
        with suppress(ConnectionError):
            world = WorldClient(place.data_dir)
            world.state()
            return world
        status = _start(place, max(1.0, deadline - time.monotonic()))
        if status not in (0, BUSY) or time.monotonic() > deadline:
            raise ConnectionError(
                f"the simulated bench of {place.data_dir} did not start; "
                f"the last line of {place.log}: {_last_line(place)}"
            )
        if status == BUSY:
            time.sleep(0.05)


def _start(place: Place, timeout: float) -> int:
    """Run the starter, which exits when its world is ready. Returns its exit status, -1 on timeout."""
    quiet = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with place.log.open("ab") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "services.sim.world", str(place.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | quiet,
                start_new_session=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1
    return done.returncode


def _last_line(place: Place) -> str:
    with suppress(OSError, IndexError):
        return place.log.read_text("utf-8", errors="replace").strip().splitlines()[-1]
    return "(nothing)"

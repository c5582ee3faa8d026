"""A warm worker: loads what sessions with an arm need before there is one, then becomes that session's worker.

`python -P -m services.workers.warm DATA_DIR`; standard input is a socket pair (services.live.warm has the other end
and the packets). Opens no device and takes no lock. Exits when its console is gone, after IDLE_S, and when memory
runs low; the kernel's out-of-memory killer prefers it to any other process.
"""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import select
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

import msgspec

from services.bench.profiles import Profile
from services.folders import RunFolder
from services.live.warm import (
    NEEDS_BYTES,
    PACKET,
    SESSIONS,
    SPARE_BYTES,
    TAKEN,
    Become,
    Order,
    Prepare,
    decode,
    free_bytes,
)
from services.workers.inference import child
from services.workers.process.environment import prepare

IDLE_S = 900.0
"""Seconds without an order after which the process exits."""
MEMORY_POLL_S = 2.0
"""Seconds between checks of free memory."""
LOADS = (
    "services.workers.arm.devices",
    "services.workers.arm.control_loop",
    "services.workers.arm.bench_strategy",
    "services.workers.recording.open_takes",
    "services.workers.recording.strategy",
    "services.workers.evaluation.setup",
    "services.workers.evaluation.strategy",
)
"""Modules that `record`, `evaluate` and `bench` import once they run; they bring torch and LeRobot."""
SIMULATED = ("services.sim.bench", "services.sim.devices")
LOADED = "loaded"
"""Printed once everything is loaded for a bench."""
OOM_FIRST = 1000
_OOM = Path("/proc/self/oom_score_adj")


class Loader:
    """Imports on its own thread, so that an order is answered at once; a session waits for the imports it needs."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._wanted: list[Profile] = []
        self._loaded: list[Profile] = []
        self._wake = threading.Condition()
        self.session_started = False
        """Set once a session runs, which then reports import errors itself."""
        threading.Thread(target=self._run, name="loader", daemon=True).start()

    def load(self, profile: Profile) -> None:
        """Load for this bench, after the current import."""
        with self._wake:
            self._wanted.append(profile)
            self._wake.notify()

    def _run(self) -> None:
        try:
            for name in LOADS:
                importlib.import_module(name)
            while not self.session_started:
                self._load_bench(self._next())
                gc.collect()
                gc.freeze()  # or each collection searches all of this, which takes 200 ms
                print(LOADED, flush=True)
        except BaseException:
            if not self.session_started:
                traceback.print_exc()
                os._exit(1)

    def _next(self) -> Profile:
        """Wait for the newest requested bench that is not loaded."""
        with self._wake:
            while not self._wanted or self._wanted[-1] in self._loaded:
                self._wake.wait()
            self._loaded.append(self._wanted.pop())
            self._wanted.clear()
            return self._loaded[-1]

    def _load_bench(self, profile: Profile) -> None:
        """Load the drivers of the bench's devices; start the world of a simulated bench unless it runs."""
        from services.workers.arm.devices import load_drivers

        if profile.simulated:
            for name in SIMULATED:
                importlib.import_module(name)
            from services.sim.launch import ensure_world

            with suppress(ConnectionError):  # the session reports it
                ensure_world(self._data_dir).close()
        load_drivers(profile)


def main(argv: list[str]) -> int:
    """Wait for an order and carry it out; exits without one if there is no reason to wait any longer."""
    data_dir = Path(argv[1])
    prepare(data_dir)
    score = _prefer_for_oom_kill()
    connection = socket.socket(fileno=0)
    order = _wait(connection, Loader(data_dir))
    if order is None or not _restore(score):
        os._exit(0)  # without waiting for the loader
    connection.send(TAKEN)
    _become(connection, order)
    return 0


def _wait(connection: socket.socket, loader: Loader) -> Become | None:
    """The session to become; None if the console is gone, IDLE_S has passed, or memory is low."""
    until = time.monotonic() + IDLE_S
    while time.monotonic() < until:
        if not select.select([connection], [], [], MEMORY_POLL_S)[0]:
            if free_bytes() < SPARE_BYTES:
                print("memory is low: no worker waits", file=sys.stderr)
                return None
            continue
        match _read(connection):
            case Prepare(profile=profile, policy=policy):
                until = time.monotonic() + IDLE_S
                loader.load(profile)
                if policy is not None and free_bytes() >= NEEDS_BYTES:
                    child.warm_up(policy)
            case Become() as order if order.module in SESSIONS and RunFolder(Path(order.run)).request.exists():
                loader.session_started = True
                return order
            case _:
                return None
    return None


def _read(connection: socket.socket) -> Order | None:
    """The console's next order; None if it is gone or the packet cannot be decoded."""
    try:
        return decode(connection.recv(PACKET))
    except (OSError, msgspec.MsgspecError):
        return None


def _prefer_for_oom_kill() -> str:
    """Make the out-of-memory killer choose this process first; returns the previous score."""
    score = ""
    with suppress(OSError):
        score = _OOM.read_text().strip()
        _OOM.write_text(str(OOM_FIRST))
    return score


def _restore(score: str) -> bool:
    """Restore the out-of-memory score; returns whether that succeeded."""
    if score:
        with suppress(OSError):
            _OOM.write_text(score)
        with suppress(OSError):
            return _OOM.read_text().strip() == score
    return True


def _become(connection: socket.socket, order: Become) -> None:
    """Run as `python -P -m MODULE RUN` would; does not return if that exits."""
    run = RunFolder(Path(order.run))
    if order.module != "services.workers.evaluate":
        child.cool_down()
    connection.detach()
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    sys.argv = [sys.argv[0], str(run.root)]
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""A worker before it has a session: loads what sessions with an arm need, and becomes the worker of one.

`python -P -m services.workers.warm DATA_DIR`; standard input is a socket pair (services.live.warm has the other end
and the packets). No device is opened, no lock taken. It leaves when its console is gone, after IDLE_S, and where
memory runs low; of all processes the kernel's killer takes it first.
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
"""A form that is left open this long is not about to start a session."""
LOOK_S = 2.0
"""How often it looks at the memory."""
LOADS = (
    "services.workers.arm.devices",
    "services.workers.arm.control_loop",
    "services.workers.arm.bench_strategy",
    "services.workers.recording.open_takes",
    "services.workers.recording.strategy",
    "services.workers.evaluation.setup",
    "services.workers.evaluation.strategy",
)
"""What the sessions load once they run (`record`, `evaluate`, `bench`), and with it torch and LeRobot."""
SIMULATED = ("services.sim.bench", "services.sim.devices")
LOADED = "loaded"
"""Printed once all is loaded for a bench."""
OOM_FIRST = 1000
_OOM = Path("/proc/self/oom_score_adj")


class Loader:
    """Loads in a thread of its own: an order is answered at once, and a session that needs a module waits for it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._wanted: list[Profile] = []
        self._loaded: list[Profile] = []
        self._wake = threading.Condition()
        self.over = False
        """A session runs: what fails to load now is the session's to tell."""
        threading.Thread(target=self._run, name="loader", daemon=True).start()

    def load(self, profile: Profile) -> None:
        """Load for this bench, after what is being loaded."""
        with self._wake:
            self._wanted.append(profile)
            self._wake.notify()

    def _run(self) -> None:
        try:
            for name in LOADS:
                importlib.import_module(name)
            while not self.over:
                self._load_bench(self._next())
                gc.collect()
                gc.freeze()  # as the session would: searching all this for garbage takes 200 ms
                print(LOADED, flush=True)
        except BaseException:
            if not self.over:
                traceback.print_exc()
                os._exit(1)

    def _next(self) -> Profile:
        """The newest bench that was asked for and is not loaded."""
        with self._wake:
            while not self._wanted or self._wanted[-1] in self._loaded:
                self._wake.wait()
            self._loaded.append(self._wanted.pop())
            self._wanted.clear()
            return self._loaded[-1]

    def _load_bench(self, profile: Profile) -> None:
        """The drivers of its devices; the world of a simulated one is started where none runs, and left alone."""
        from services.workers.arm.devices import load_drivers

        if profile.simulated:
            for name in SIMULATED:
                importlib.import_module(name)
            from services.sim.launch import ensure_world

            with suppress(ConnectionError):  # the session says why
                ensure_world(self._data_dir).close()
        load_drivers(profile)


def main(argv: list[str]) -> int:
    """Wait for an order; returns without one when there is no more reason to wait."""
    data_dir = Path(argv[1])
    prepare(data_dir)
    score = _first_to_go()
    line = socket.socket(fileno=0)
    order = _wait(line, Loader(data_dir))
    if order is None or not _restore(score):
        os._exit(0)  # whatever is still being loaded
    line.send(TAKEN)
    _become(line, order)
    return 0


def _wait(line: socket.socket, loader: Loader) -> Become | None:
    """The session to become; None when the console is gone, nothing came for long, or memory is low."""
    until = time.monotonic() + IDLE_S
    while time.monotonic() < until:
        if not select.select([line], [], [], LOOK_S)[0]:
            if free_bytes() < SPARE_BYTES:
                print("memory is low: no worker waits", file=sys.stderr)
                return None
            continue
        match _read(line):
            case Prepare(profile=profile, policy=policy):
                until = time.monotonic() + IDLE_S
                loader.load(profile)
                if policy is not None and free_bytes() >= NEEDS_BYTES:
                    child.warm_up(policy)
            case Become() as order if order.module in SESSIONS and RunFolder(Path(order.run)).request.exists():
                loader.over = True
                return order
            case _:
                return None
    return None


def _read(line: socket.socket) -> Order | None:
    """What the console says; None when it is gone or says what cannot be read."""
    try:
        return decode(line.recv(PACKET))
    except (OSError, msgspec.MsgspecError):
        return None


def _first_to_go() -> str:
    """Where memory runs out, the kernel takes this process before any that does something; returns what it was."""
    score = ""
    with suppress(OSError):
        score = _OOM.read_text().strip()
        _OOM.write_text(str(OOM_FIRST))
    return score


def _restore(score: str) -> bool:
    """Whether the kernel treats this process as it would a cold worker again."""
    if score:
        with suppress(OSError):
            _OOM.write_text(score)
        with suppress(OSError):
            return _OOM.read_text().strip() == score
    return True


def _become(line: socket.socket, order: Become) -> None:
    """Be what `python -P -m MODULE RUN` is; does not return where that exits."""
    run = RunFolder(Path(order.run))
    if order.module != "services.workers.evaluate":
        child.cool_down()
    line.detach()
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

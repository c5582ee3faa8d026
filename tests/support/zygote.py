"""Workers that start in a moment: forked from a process that has LeRobot loaded already.

The worker is the real one, with its own session, log and socket; only its imports are shared, which take eight seconds
of a core. One journey of each kind starts its worker as the console does; the others, and tests that need many workers,
use this. The console's own warm worker (`services.live.warm`)
is used once and forks nothing, which is safer and too slow for a hundred tests; both load the same modules.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO

import services.live.launch
import services.training.preparation
from services.folders import RunFolder
from tests import ROOT

PREPARE = "services.workers.training.prepare"


class Zygote:
    """The warm process; `spawn` has the form of `services.live.launch.spawn`."""

    def __init__(self, first: str = "") -> None:
        """`first`: Python code that changes something in it, and so in every worker."""
        code = f"{first}\nfrom tests.support.zygote import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    @property
    def orders(self) -> str:
        """Where another process writes to, too: `fork_workers` there."""
        assert self._process.stdin is not None
        return f"/proc/{os.getpid()}/fd/{self._process.stdin.fileno()}"

    @property
    def console(self) -> list[str]:
        """The command that starts `lab-console` with workers of this zygote."""
        return [sys.executable, "-m", "tests.support.quick_console", self.orders]

    def spawn(self, run: RunFolder, module: str, lock: int | None = None) -> None:
        """Fork a worker for `run`."""
        _order(self.orders, run.root, module, lock)

    def call(self, module: str, place: Path) -> None:
        """Fork a process that calls `main(place)` of a module of the tests; its output goes to worker.log there."""
        _order(self.orders, place, module)

    def prepare(self, errors: IO[bytes]) -> tuple[Elsewhere, socket.socket]:
        """Fork a process that prepares trainings; in the form of `services.training.preparation.start`."""
        return _prepare(self.orders, errors)

    def close(self) -> None:
        """Let the warm process go; its workers live on."""
        self._process.kill()
        self._process.wait()


def fork_workers(orders: str) -> None:
    """Let this process start its workers through the zygote whose input is at `orders`."""
    services.live.launch.spawn = lambda run, module, lock=None: _order(orders, run.root, module, lock)
    services.training.preparation.start = partial(_prepare, orders)


class Elsewhere:
    """A process that is no child of this one, as far as `Preparation` uses a subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Its status once it has ended, else None."""
        return None if Path(f"/proc/{self.pid}").exists() else 0

    def wait(self) -> int:
        """Wait for its end."""
        while self.poll() is None:
            time.sleep(0.005)
        return 0


def _prepare(orders: str, _errors: IO[bytes]) -> tuple[Elsewhere, socket.socket]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        place = Path(folder) / "prepare"
        listener.bind(str(place))
        listener.listen()
        _order(orders, place, PREPARE)
        connection, _ = listener.accept()
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Elsewhere(pid), connection


def _order(orders: str, place: Path, module: str, lock: int | None = None) -> None:
    set_here = {k: v for k, v in os.environ.items() if k.startswith("LAB_CONSOLE_")}
    with socket.socket(socket.AF_UNIX) as hatch:
        if lock is not None:
            hatch.bind("")  # Linux chooses an abstract name
            hatch.listen()
        name = hatch.getsockname()
        with open(orders, "w") as pipe:  # one short write: those of several processes stay whole
            pipe.write(json.dumps([module, str(place), set_here, name.decode("latin-1") if name else ""]) + "\n")
        if lock is not None:
            with hatch.accept()[0] as worker:
                socket.send_fds(worker, [b"lock"], [lock])


def _handed(hatch: str) -> int:
    """The descriptor that `_order` hands to this process."""
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(hatch.encode("latin-1"))
        return socket.recv_fds(to, 4, 1)[1][0]


def _become_preparer(place: str) -> int:
    os.setsid()
    from services.workers.training import prepare

    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
    prepare.serve(connection)
    return 0


def _become_worker(module: str, run: str, hatch: str) -> int:
    if module == PREPARE:
        return _become_preparer(run)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(Path(run) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    if module.startswith("tests."):
        return int(import_module(module).main(run))
    from services.workers import bench, elsewhere, evaluate, record, train
    from services.workers.process.run_worker import run_worker
    from tests.support import policy_host

    train.spawn = fork_trainer

    body = {
        "services.workers.record": record.body,
        "services.workers.bench": bench.body,
        "services.workers.train": train.body,
        "services.workers.evaluate": evaluate.body,
        "services.workers.elsewhere": elsewhere.body,
    }[module]
    if module == "services.workers.evaluate":
        policy_host.install()
    first = "" if body is elsewhere.body else "loading LeRobot"
    return run_worker([module, run, *([str(_handed(hatch))] if hatch else [])], body, first)


class Forked:
    """A forked child, in the form of subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid, self._code = pid, None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)

    def wait(self) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code


def fork_trainer(run: RunFolder, channel: socket.socket) -> Forked:
    """A trainer with LeRobot loaded already; in the form of `services.workers.train.spawn`."""
    parent, descriptor = os.getpid(), channel.fileno()
    pid = os.fork()
    if pid:
        return Forked(pid)
    status = 1
    try:
        os.closerange(3, descriptor)  # the locks are the supervisor's alone
        os.closerange(descriptor + 1, 1024)
        import torch

        from services.workers.training import trainer

        torch.set_num_threads(1)  # tiny policies train faster so, beside other tests
        status = trainer.main(["trainer", str(run.root), str(descriptor), str(parent)])
    finally:
        os._exit(status)


def main() -> None:
    """Load what workers load, then fork one per line of standard input."""
    import signal

    os.environ["TQDM_DISABLE"] = "1"  # as services.workers.train sets it for a trainer
    os.environ["https_proxy"] = "http://127.0.0.1:9"  # no test fetches weights

    import accelerate
    import lerobot.policies.act.modeling_act

    import services.workers.training.edited_config
    import services.workers.training.training_run
    import tests.policies.modeling_copycat
    import tests.support.stripedcamera
    from services.workers.warm import LOADS, SIMULATED

    for name in (*LOADS, *SIMULATED):
        import_module(name)
    assert services.workers.training.edited_config
    assert services.workers.training.training_run
    assert tests.policies.modeling_copycat
    assert tests.support.stripedcamera
    assert accelerate
    assert lerobot.policies.act.modeling_act
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    print("ready", flush=True)
    for line in sys.stdin:
        module, run, environment, hatch = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.update(environment)
            status = 1
            try:
                status = _become_worker(module, run, hatch)
            finally:
                os._exit(status)

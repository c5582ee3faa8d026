"""Workers that start in a moment: forked from a process that has LeRobot loaded already.

The worker is the real one, with its own session, log and socket; only its imports are shared. Tests that need
many workers use it; the journeys start them as the console does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from services.folders import RunFolder

ROOT = Path(__file__).parent.parent


class Zygote:
    """The warm process; `spawn` has the form of `services.link.spawn`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"

    def spawn(self, run: RunFolder, module: str) -> None:
        """Fork a worker for `run`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([module, str(run.root)]) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Let the warm process go; its workers live on."""
        self._process.kill()
        self._process.wait()


def _become_worker(module: str, run: str) -> int:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(Path(run) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    from services.workers import bench, record
    from services.workers.process import run_worker

    body = {"services.workers.record": record.body, "services.workers.bench": bench.body}[module]
    return run_worker([module, run], body)


def main() -> None:
    """Load what workers load, then fork one per line of standard input."""
    import signal

    import services.sim.bench
    import services.sim.devices
    import services.workers.bench_sitting
    import services.workers.record_sitting

    assert services.sim.bench
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    print("ready", flush=True)
    for line in sys.stdin:
        module, run = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = 1
            try:
                status = _become_worker(module, run)
            finally:
                os._exit(status)


if __name__ == "__main__":
    main()

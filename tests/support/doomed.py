"""Recorders to be killed: forked from a process that has LeRobot loaded, and reporting line by line.

`Doomed` is the test's side. A job runs in a fork; it may be killed by the test at any time, or kill itself
(-9) at its n-th file operation below the dataset's root.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import ROOT


class Doomed:
    """The warm process; `start` forks a job, `line` reads its report, `kill` ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.doomed"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True,
        )  # fmt: skip
        self.pid = 0

    def start(self, job: str, root: Path, **settings: Any) -> None:
        """Fork `job` (record or recover) on the dataset at `root`."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"job": job, "root": str(root)} | settings) + "\n")
        self._process.stdin.flush()
        self.pid = int(self.until("pid"))

    def line(self) -> list[str]:
        """The next line of the report, in words."""
        assert self._process.stdout
        words = self._process.stdout.readline().split()
        assert words, "the warm process died"
        return words

    def until(self, word: str) -> str:
        """Read on to the line that begins with `word`; what follows it there."""
        while (words := self.line())[0] != word:
            assert words[0] != "exit", f"the job ended before {word}: {words}"
        return words[1] if len(words) > 1 else ""

    def rest(self) -> list[list[str]]:
        """All lines to the job's end, the last being `exit` and the status."""
        lines = [self.line()]
        while lines[-1][0] != "exit":
            lines.append(self.line())
        return lines

    def kill(self) -> None:
        """SIGKILL to the job, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the warm process."""
        self._process.kill()
        self._process.wait()


# -- in the warm process -------------------------------------------------------------------------------


def say(*words: object) -> None:
    """One line of report, past all buffers."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class FileOperations:
    """Counts this process's file operations below `root`, and kills it at number `fatal`."""

    def __init__(self, root: str, fatal: int | None) -> None:
        self.count, self._root, self._fatal, self.armed = 0, root, fatal, False
        sys.addaudithook(self._notice)

    def _notice(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed or event not in ("open", "os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir"):
            return
        if str(args[0]).startswith(self._root):
            self.count += 1
            if self.count == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)


def record_job(settings: dict[str, Any], operations: FileOperations) -> None:
    """Record episodes, reporting the end of each one's frames and its acknowledgement."""
    from tests.support.demos import add_take, open_demo

    dataset = open_demo(Path(settings["root"]), resume=True)
    for _ in range(settings["episodes"]):
        add_take(dataset)
        say("frames", dataset.episodes)
        operations.armed = True
        index = dataset.save(session="doomed").index
        say("saved", index)


def recover_job(settings: dict[str, Any], operations: FileOperations) -> None:
    """Recover the dataset."""
    from services.workers.dataset.recovery import recover

    operations.armed = True
    recover(Path(settings["root"]))


def main() -> None:
    """Fork one job per line of standard input, and report how it ended."""
    import lerobot.datasets.aggregate  # noqa: F401

    import services.workers.dataset.durable  # noqa: F401

    jobs = {"record": record_job, "recover": recover_job}
    for line in sys.stdin:
        settings = json.loads(line)
        pid = os.fork()
        if pid == 0:
            say("pid", os.getpid())
            operations = FileOperations(settings["root"], settings.get("fatal"))
            status = 1
            try:
                jobs[settings["job"]](settings, operations)
                say("operations", operations.count)
                status = 0
            finally:
                os._exit(status)
        _, result = os.waitpid(pid, 0)
        say("exit", os.waitstatus_to_exitcode(result))


if __name__ == "__main__":
    main()

"""What a process takes of the machine's memory, and what there is: the kernel's figures and a container's limit."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""(the limit, what is used) of this process's control group, seen from inside a container; version 2, then 1."""
RESET_PEAK = "5"
"""Written to clear_refs, it makes the present size the peak (Linux, Documentation/filesystems/proc)."""


def available() -> int:
    """Bytes that more work can take without swapping."""
    free = psutil.virtual_memory().available
    for limit, used in LIMITS:
        with suppress(OSError, ValueError):
            free = min(free, max(0, int(limit.read_text()) - int(used.read_text())))
    return int(free)


def resident() -> int:
    """Bytes that this process has in memory."""
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> None:
    """From now on, `peak` is counted anew, where the kernel can."""
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK)


def peak() -> int:
    """The most bytes that this process had in memory since `reset_peak`."""
    with suppress(OSError, ValueError, StopIteration):
        lines = STATUS.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def limited(more: int) -> Iterator[None]:
    """Within this, the process gets `more` bytes of its own at most: beyond that, it fails instead of the machine."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with suppress(OSError, ValueError, StopIteration):
        lines = STATUS.read_text().splitlines()
        data = int(next(line for line in lines if line.startswith("VmData:")).split()[1]) * 1024
        hard = before[1]
        resource.setrlimit(resource.RLIMIT_DATA, (data + more if hard < 0 else min(hard, data + more), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)

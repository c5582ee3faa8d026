"""Reads the kernel's counters of out-of-memory kills, since a killed process's parent is not notified."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

VMSTAT = Path("/proc/vmstat")
CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def oom_kills(vmstat: Path = VMSTAT, cgroup: Path = CGROUP, cgroups: Path = CGROUPS) -> int:
    """Out-of-memory kills since the machine started, as far as readable; only an increase is meaningful.

    The sum of the machine's `oom_kill` and that of this process's own control group (a container's limit).
    """
    return _count(vmstat) + _count(_events(cgroup, cgroups))


def _events(cgroup: Path, cgroups: Path) -> Path:
    """`memory.events` of this process's group (version 2: the line `0::/path`)."""
    with suppress(OSError, StopIteration):
        line = next(line for line in cgroup.read_text().splitlines() if line.startswith("0::"))
        return cgroups / line.removeprefix("0::").lstrip("/") / "memory.events"
    return cgroups / "memory.events"


def _count(counters: Path) -> int:
    """The value of `oom_kill` in a file of `name value` lines; 0 if there is none."""
    with suppress(OSError, ValueError):
        for line in counters.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0

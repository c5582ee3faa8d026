"""A console's part in starting a session, as a process of its own that tests may kill: warms up, then launches.

`python -m tests.support.warm_console ROOT warm|cold`; prints the warm worker's pid (0 where cold), and for each line
of input begins the recording of that name and prints its session.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.live import warm
from tests.support.rig import Rig


def main(root: str, how: str) -> None:
    rig = Rig(Path(root))
    pid = 0
    if how == "warm":
        os.environ[warm.SWITCH] = "1"
        warm.keep(rig.folder, rig.small(), policy="")
        pid = warm._kept[rig.folder.root].pid
    print(pid, flush=True)
    for line in sys.stdin:
        print(rig.record(dataset=line.strip()).id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The demo console whose event loop can be blocked: `python -m tests.journeys.blocked_console FOLDER SECONDS ORDERS`.

SIGUSR1 makes it sleep for SECONDS; a zygote that takes ORDERS forks its workers.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from console.terminal import prepare_terminal

prepare_terminal()

from console.app import build  # noqa: E402
from services.bench.profiles import DEMO, load_benches  # noqa: E402
from services.folders import DataFolder  # noqa: E402
from tests.support.zygote import fork_workers  # noqa: E402


def main(folder: str, seconds: str, orders: str) -> None:
    """Run it."""
    fork_workers(orders)
    benches = load_benches(built_in=True)
    app = build(DataFolder(Path(folder)).create(), benches, benches.pick(DEMO), demo=True, attach=None)
    signal.signal(signal.SIGUSR1, lambda *_: app.call_next(lambda: time.sleep(float(seconds))))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

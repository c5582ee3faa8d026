"""The demo console whose event loop can be blocked: SIGUSR1 makes it sleep for five seconds."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from console.terminal import prepare_terminal

prepare_terminal()

from console.app import build  # noqa: E402
from services.bench.profiles import load_benches  # noqa: E402
from services.folders import DataFolder  # noqa: E402


def main() -> None:
    """Run it on the data folder given as argument."""
    benches = load_benches(built_in=True)
    app = build(DataFolder(Path(sys.argv[1])).create(), benches, benches.pick("sim"), demo=True, attach=None)
    signal.signal(signal.SIGUSR1, lambda *_: app.call_next(lambda: time.sleep(5)))
    app.run()


if __name__ == "__main__":
    main()

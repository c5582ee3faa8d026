"""`lab-console there`: serves another lab-console that calls over ssh. People never type it."""

from __future__ import annotations

import argparse
import os
import sys

from console.exit import OK
from console.streams import raw
from services.folders import data_folder
from services.targets.there import There


def there(options: argparse.Namespace) -> int:
    """Answer lines of standard input until it ends."""
    sys.stdout = sys.stderr  # only the protocol's lines go to standard output
    folder = data_folder(options.data_dir).create()
    output = os.dup(1)

    def write(line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(output, view) :]

    There(folder, write).serve(raw(sys.stdin).buffer)
    os._exit(OK)  # threads may still wait for a worker

"""`lab-console import`: adds to the log what a file tells of an older bench."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.exit import BAD_USAGE, OK, complain
from services.folders import data_folder
from services.log.importing import adding, history
from services.log.importing.file import read
from services.refusal import Refusal
from services.text import clean


def bring_in(options: argparse.Namespace) -> int:
    """Import the file; each thing that is wrong with it is a line, and then nothing is written."""
    try:
        file = read(Path(options.file).expanduser().absolute())
        made = adding.add(data_folder(options.data_dir).create(), history.imports(file))
    except Refusal as refusal:
        for line in str(refusal).splitlines():
            complain(line)
        complain("nothing was imported")
        return BAD_USAGE
    for what, sessions in (("added", made.added), ("corrected", made.corrected)):
        for name in sessions:
            print(f"{what}: session {name}")
    print(clean(f"{history.summary(file)}: {_counted(made)}"))
    return OK


def _counted(made: adding.Outcome) -> str:
    """`5 added, 2 in the log already`."""
    counts = [
        f"{len(made.added)} added" if made.added else "",
        f"{len(made.corrected)} corrected" if made.corrected else "",
        f"{len(made.unchanged)} in the log already" if made.unchanged else "",
    ]
    return ", ".join(filter(None, counts))

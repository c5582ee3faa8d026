"""`lab-console export`: sessions for other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.exit import FAILED, OK, complain
from services.folders import data_folder
from services.text import clean


def export(options: argparse.Namespace) -> int:
    """Write the files, and say what came out; Ctrl-C leaves nothing behind."""
    from services.exports.choosing import chosen
    from services.exports.export import export as write

    folder = data_folder(options.data_dir)
    found = chosen(folder, options.sessions, options.where)
    if found.message:
        complain(found.message)
    to = Path(options.to).expanduser().absolute()
    try:
        made = write(folder, found, options.kind, to, overwrite=options.overwrite)
    except KeyboardInterrupt:
        complain("stopped: nothing was exported")
        return FAILED
    for each in made.left_out:
        complain(each)
    print(clean(f"{made.what} as {options.kind}: {to}"))
    return OK

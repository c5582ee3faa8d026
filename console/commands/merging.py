"""`lab-console log merge`: other benches' logs into this one."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.commands.progress import progress
from console.exit import FAILED, OK, complain
from services.archive.merging import Merged
from services.archive.merging import merge as bring
from services.folders import data_folder
from services.refusal import Refusal
from services.text import clean
from services.units import plural


def merge(options: argparse.Namespace) -> int:
    """Merge one after another; what is left out is said, and makes the status 1."""
    folder = data_folder(options.data_dir).create()
    left_out = False
    for each in options.places:
        place = Path(each).expanduser().absolute()
        if not place.exists():
            raise Refusal(f"{place} is not there: give another bench's data folder, or its sessions.json")
        try:
            made = bring(folder, place, progress=lambda done, of: progress(f"{100 * done // of} %"))
        finally:
            progress("")
        for line in said(made):
            print(clean(line))
        for line in made.left_out:
            complain(line)
        left_out |= bool(made.left_out)
        print(clean(f"{place}: {counted(made)}"))
    return FAILED if left_out else OK


def said(made: Merged) -> list[str]:
    """A line for each session that is new here or has grown."""
    lines = []
    for name in made.added:
        there = made.otherwise.get(name)
        lines.append(f"added: session {name}" + (f", there {there}, which is another session here" if there else ""))
    return [*lines, *(f"grew: session {name}" for name in made.grew)]


def counted(made: Merged) -> str:
    """`10 sessions added, 1 grew, 3 sessions here already`."""
    counts = [
        f"{plural(len(made.added), 'session')} added" if made.added else "",
        f"{len(made.grew)} grew" if made.grew else "",
        f"{plural(len(made.same), 'session')} here already" if made.same else "",
        f"{len(made.left_out)} left out" if made.left_out else "",
    ]
    return ", ".join(filter(None, counts)) or "no sessions"

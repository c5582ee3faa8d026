"""`lab-console report`: sessions, or everything of a dataset, as Markdown, HTML or PDF."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.exit import OK, complain
from services.folders import data_folder
from services.report.make import report as made
from services.report.rendering import Format, render
from services.report.writing import checked, target, write
from services.text import clean
from services.units import plural, size


def report(options: argparse.Namespace) -> int:
    """Write it to the file that is named, and say so; without one, print Markdown or HTML."""
    template = Path(options.template) if options.template else None
    format = checked(options.format or Format.MARKDOWN)
    output = options.output or ("report.pdf" if format is Format.PDF else "")
    where = target(Path(output), options.format) if output else None
    found = made(data_folder(options.data_dir), options.sessions, options.dataset)
    if found.problem:
        complain(found.problem)
    if where is None:
        print(render(found, format, template), end="")
        return OK
    written = write(found, where, template)
    print(clean(f"{where.path}: {found.title.text}, {plural(len(found.sources.rows), 'session')}, {size(written)}"))
    return OK

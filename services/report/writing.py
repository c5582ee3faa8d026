"""Where a report goes: a file that is named, or one below reports/ of the data folder. Whole or not at all."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from services import new_file
from services.folders import DataFolder
from services.refusal import Refusal
from services.report import pdf
from services.report.parts import Report
from services.report.rendering import Format, render
from services.text import clean
from sessions.files import why_unwritable, write_atomically

REPORTS = "reports"
_NAMED = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 60
"""Characters of a file's name that are of the dataset's or the session's."""


@dataclass(frozen=True)
class Target:
    """The file and what it is written as."""

    path: Path
    format: Format


def checked(format: str) -> Format:
    """The format of this name. Raises Refusal for another."""
    if format not in tuple(Format):
        raise Refusal(f"'{clean(format)}' is no format of a report: {', '.join(Format)}")
    return Format(format)


def target(output: Path, format: str = "") -> Target:
    """A file that was named; its ending says the format unless that is given. Raises Refusal if it cannot be written.

    What is there is never overwritten.
    """
    path = output.expanduser().absolute()
    ending = path.suffix.lower().removeprefix(".")
    ending = {"markdown": "md", "htm": "html"}.get(ending, ending)
    if format:
        ending = checked(format).value
    if not format and ending not in tuple(Format):
        raise Refusal(f"{clean(path.name)} does not say what the report is written as: end it in .md, .html or .pdf")
    if path.is_dir():
        raise Refusal(f"{clean(str(path))} is a folder: name a file with -o")
    new_file.check(path)
    return Target(path, Format(ending))


def below(folder: DataFolder, name: str, format: Format = Format.HTML) -> Target:
    """A new file below reports/ of the data folder, called after `name` and now. Raises Refusal."""
    reports = folder.root / REPORTS
    try:
        reports.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"{clean(str(reports))} cannot be made: {why_unwritable(error)}") from error
    plain = _NAMED.sub("-", clean(name)).strip(".-")[:LONGEST] or "report"
    stem = f"{plain}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 100):
        path = reports / f"{stem}{f'-{number}' if number > 1 else ''}.{format.value}"
        if not path.exists() and not path.is_symlink():
            return target(path, format.value)
    raise Refusal(f"{clean(str(reports))} is full of reports of this moment: try again in a second")


def write(report: Report, where: Target, template: Path | None = None) -> int:
    """Write the report, durably; returns its bytes. Raises Refusal, and leaves nothing of it then."""
    if where.format is Format.PDF:
        pdf.check()
    page = render(report, where.format, template)
    try:
        data = pdf.printed(page, where.path.parent) if where.format is Format.PDF else page.encode()
        if where.path.exists() or where.path.is_symlink():
            raise Refusal(f"{clean(str(where.path))} exists by now: choose another file with -o")
        write_atomically(where.path, data)
        return where.path.stat().st_size
    except OSError as error:
        raise Refusal(f"{clean(str(where.path))} was not written: {why_unwritable(error)}") from error

"""`lab-console import`: adds to the log what a file or a folder tells of work that this console did not do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from console.exit import BAD_USAGE, OK, complain
from services.folders import DataFolder, data_folder
from services.log.importing import adding, dataset, history
from services.log.importing.file import is_import_file, read
from services.refusal import Refusal
from services.text import clean


def bring_in(options: argparse.Namespace) -> int:
    """Import it; each thing that is wrong with it is a line, and then nothing is written."""
    folder = data_folder(options.data_dir)
    try:
        imports, summary = _found(folder, Path(options.path).expanduser().absolute())
        made = adding.add(folder.create(), imports)
    except Refusal as refusal:
        for line in str(refusal).splitlines():
            complain(clean(line))
        complain("nothing was imported")
        return BAD_USAGE
    for what, sessions in (("added", made.added), ("corrected", made.corrected)):
        for name in sessions:
            print(f"{what}: session {name}")
    print(clean(f"{summary}: {_counted(made)}"))
    return OK


def _found(folder: DataFolder, place: Path) -> tuple[Sequence[adding.Import], str]:
    """The sessions that it tells of, and what they are in a few words. Raises Refusal."""
    try:
        if place.is_dir() and dataset.is_dataset(place):
            one = dataset.as_import(folder, place, dataset.recorded_here(folder))
            return [one], dataset.in_words(one)
        if not place.is_dir() and (not place.exists() or is_import_file(place)):
            file = read(place)
            return history.imports(file), history.summary(file)
        return _training(folder, place)
    except OSError as error:
        raise Refusal(f"{clean(str(place))} cannot be read: {error.strerror or error}") from error


def _training(folder: DataFolder, place: Path) -> tuple[Sequence[adding.Import], str]:
    from services.training.watching.taking_in import imports

    if place.is_dir() and (there := dataset.datasets_in(place)):
        raise Refusal(f"{clean(str(place))} holds datasets: import one by one {dataset.named(there)}")
    return imports(folder, place)


def _counted(made: adding.Outcome) -> str:
    """`5 added, 2 in the log already`."""
    counts = [
        f"{len(made.added)} added" if made.added else "",
        f"{len(made.corrected)} corrected" if made.corrected else "",
        f"{len(made.unchanged)} in the log already" if made.unchanged else "",
    ]
    return ", ".join(filter(None, counts))

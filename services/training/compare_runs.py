"""The runs that a comparison names, opened. Reads the disk: do not call it on an event loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from services.folders import DataFolder
from services.log.lookup import LAST, MOST_NAMED
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean
from services.training.compare import MOST, Comparison, compare
from services.training.compare_facts import RunFacts, facts
from services.training.curves import Curves
from services.training.history import Run, list_runs, open_run


def compare_named(folder: DataFolder, names: Sequence[str]) -> Comparison:
    """Compare the runs of these names: a session's id or the beginning of it, a run's name, its key in the file that it
    was imported from, or `last`. Raises Refusal.
    """
    if len(names) > MOST:
        raise Refusal(f"at most {MOST} runs are compared at once, and {len(names)} are named: leave some out")
    runs = list_runs(folder).runs if folder.root.exists() else ()
    return compare([read(folder, find(runs, name, str(folder.root))) for name in names])


def find(runs: Sequence[Run], wanted: str, where: str) -> Run:
    """The one run that `wanted` names. Raises Refusal if there is none, or more than one."""
    if not runs:
        raise Refusal(
            f"no trainings yet in {where}; `lab-console train` starts one, `lab-console import` adds older ones"
        )
    if wanted == LAST:
        return runs[0]
    exact = [run for run in runs if wanted in (run.id, run.name, _key(run))]
    found = exact or [run for run in runs if wanted and run.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        names = dict.fromkeys(name for run in runs for name in (run.name, _key(run)) if name)
        near = did_you_mean(clean(wanted), map(clean, names))
        some = ", ".join(map(clean, list(names)[:MOST_NAMED])) + (", ..." if len(names) > MOST_NAMED else "")
        raise Refusal(
            f"no training is called '{clean(wanted)}', nor does an id begin so{near or f'; there are {some}'}"
        )
    named = ", ".join(clean(run.id) for run in found[:MOST_NAMED]) + (", ..." if len(found) > MOST_NAMED else "")
    raise Refusal(f"'{clean(wanted)}' fits {len(found)} trainings ({named}): give the id")


def _key(run: Run) -> str:
    return run.session.started.import_key if run.session else ""


def read(folder: DataFolder, run: Run) -> RunFacts:
    """The run's facts, with its newest points. Raises Refusal if it cannot be read."""
    try:
        opened = open_run(folder, run)
    except OSError as error:
        why = error.strerror or error
        raise Refusal(f"{clean(run.name)} cannot be read ({error.filename}: {why}): see to its permissions") from error
    curves = Curves(opened.metrics)
    with suppress(OSError):
        curves.read()
    return facts(run, opened.snapshot.training, curves)

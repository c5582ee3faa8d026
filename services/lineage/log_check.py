"""`lab-console log verify`: whether the log's file, run folders, datasets and checkpoints agree. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from services.checkpoints.checkpoint import CHECKPOINTS, label
from services.datasets.summary import dataset_folders
from services.folders import DataFolder
from services.lineage.elsewhere import kept_there
from services.lineage.findings import Finding, Standing, Verified, changed, gone, matches, unknown, unreadable
from services.lineage.policies import tried_finding
from services.lineage.recorded import episodes_finding
from services.lineage.runs import FOLD, run_findings
from services.lineage.shelf import Shelf
from services.log.kinship.tried import tried
from services.units import plural, size
from sessions.blinding import blind
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.peek import Peeked, peek
from sessions.storage import SINGLE, WHOLE, left_beside


def check_log(folder: DataFolder) -> tuple[Verified, ...]:
    """The log as a whole, in parts: its file, the runs, recordings, checkpoints, and what belongs to nothing."""
    peeked, shelf = peek(folder.sessions_file), Shelf(folder)
    sessions = peeked.sessions
    parts = (
        ("sessions.json", _file(folder, peeked)),
        ("run folders", _runs(folder, sessions)),
        ("episodes", _episodes(sessions.values(), shelf)),
        ("checkpoints", _checkpoints(sessions.values(), shelf)),
        ("policies of evaluations", _tried(sessions.values(), shelf)),
        ("what no session names", _orphans(folder, sessions.values())),
    )
    return tuple(Verified(kind="log", name=name, findings=tuple(found)) for name, found in parts)


def _file(folder: DataFolder, peeked: Peeked) -> Iterator[Finding]:
    what = "sessions.json"
    if peeked.missing:
        yield gone(what, "there is none", FOLD) if _any_run(folder) else matches(what, "no session yet")
    elif peeked.problem:
        yield unreadable(what, peeked.problem, "`lab-console sessions` sets it aside and makes it anew from the runs")
    else:
        yield matches(what, plural(len(peeked.sessions), "session"))
    for name, why in sorted(peeked.unfit.items()):
        yield unreadable(f"session {name}", why, "`lab-console sessions` reads it again from its run folder")
    for path in left_beside(folder.sessions_file, (WHOLE, SINGLE)):
        yield unknown(path.name, "it was set aside as damaged: remove it once nothing of it is missed")


def _any_run(folder: DataFolder) -> bool:
    try:
        return any(folder.runs.iterdir())
    except OSError:
        return False


def _runs(folder: DataFolder, sessions: Mapping[str, Session]) -> Iterator[Finding]:
    found = list(run_findings(folder, sessions))
    alike = sessions.keys() - {name for name, _ in found}
    yield matches("run folders", f"{plural(len(alike), 'session')} to the newest event")
    yield from (finding for _, finding in found)


def _episodes(sessions: Iterable[Session], shelf: Shelf) -> Iterator[Finding]:
    found = [(s.id, kept_there(s, f)) for s in sessions if (f := episodes_finding(s, shelf)) is not None]
    yield from _but_matching("sessions with episodes", found)


def _checkpoints(sessions: Iterable[Session], shelf: Shelf) -> Iterator[Finding]:
    """Whether they are there with their sizes; `verify` compares what they hold."""
    found = []
    for session in sessions:
        for saved in session.training.checkpoints if session.training else ():
            if (finding := _saved(saved, session, shelf)) is not None:
                found.append((session.id, kept_there(session, finding, policy=True)))
    yield from _but_matching("checkpoints", found, by=" by their sizes")


def _saved(saved: CheckpointSaved, session: Session, shelf: Shelf) -> Finding | None:
    if not saved.path or (session.started.imported and not Path(saved.path).is_absolute()):
        return None
    what = f"checkpoint {label(saved.path)}"
    assert session.training is not None
    moved = (
        shelf.folder.trainings / Path(session.training.started.output_dir).name / CHECKPOINTS / Path(saved.path).name
    )
    for path in (Path(saved.path), moved):
        try:
            bytes_ = _bytes_below(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            return unreadable(what, error)
        except ValueError:  # a null byte in a log from elsewhere
            continue
        if not saved.bytes:
            return unknown(what, "it is there, and how many bytes were saved is not kept")
        if bytes_ != saved.bytes:
            return changed(what, f"it has {size(bytes_)} ({bytes_:,} bytes), and {saved.bytes:,} were saved")
        return matches(what)
    if session.started.imported:
        return unknown(what, "imported: it is not here")
    if saved.weights and saved.weights in shelf.policies:
        return matches(what, f"it was moved: {shelf.policies[saved.weights]} holds it")
    return gone(what, f"it is not in {saved.path}")


def _bytes_below(folder: Path) -> int:
    """Of all files in it, as they were counted when it was saved. Raises OSError."""
    total = 0
    os.scandir(folder).close()
    for root, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(root, name)).st_size for name in files)  # noqa: PTH118
    return total


def _tried(sessions: Iterable[Session], shelf: Shelf) -> Iterator[Finding]:
    found = []
    for session in sessions:
        if not blind(session.request):
            known = [each for each in tried(session) if each.path]
            found += [(session.id, kept_there(session, tried_finding(each, shelf), policy=True)) for each in known]
    yield from _but_matching("policies", found)


def _but_matching(what: str, found: Iterable[tuple[str, Finding]], by: str = "") -> Iterator[Finding]:
    """How many match, if any does, and `by` what; then the others, each with its session."""
    listed = list(found)
    good = sum(finding.standing is Standing.MATCHES for _, finding in listed)
    if good:
        yield matches(what, f"{good} of {len(listed)}{by}")
    for name, each in listed:
        if each.standing is not Standing.MATCHES:
            yield Finding(what=f"{each.what} of {name}", standing=each.standing, detail=each.detail, next=each.next)


def _orphans(folder: DataFolder, sessions: Iterable[Session]) -> Iterator[Finding]:
    """Outputs of trainings and datasets that no session of the log names: they may come from elsewhere."""
    listed = list(sessions)
    outputs = {Path(s.training.started.output_dir).name for s in listed if s.training}
    for output in _folders(folder.trainings):
        if output.name not in outputs:
            yield unknown(f"training {output.name}", f"no session made it: `lab-console import {output}` brings it in")
        for partial in sorted(output.glob(f"{CHECKPOINTS}/.*.partial")):
            yield unknown(
                f"training {output.name}", f"{partial.name} is half a checkpoint: the next training removes it"
            )
    named = {session.dataset for session in listed}
    for root in sorted(dataset_folders(folder.datasets)):
        if (name := str(root.relative_to(folder.datasets))) not in named:
            yield unknown(f"dataset {name}", "no session recorded into it or learnt from it")


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []

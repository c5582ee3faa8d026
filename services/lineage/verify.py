"""`lab-console verify`: what no longer matches of a session, a dataset, a checkpoint, or of the whole log.

Reads the disk: not on an event loop. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import PRETRAINED, CheckpointProblem, Provenance, read_provenance
from services.checkpoints.scripted import NAME
from services.folders import DataFolder
from services.lineage.data import Kept, data_findings, is_another, kept_beside, kept_in_log
from services.lineage.elsewhere import kept_there, not_here
from services.lineage.findings import Finding, Verified, changed, gone, matches, unknown, unreadable
from services.lineage.policies import beside_findings, saved_finding, tried_finding
from services.lineage.recorded import episodes_finding
from services.lineage.shelf import Shelf
from services.log.kinship.tried import began_with, tried
from services.log.lookup import LAST, choose
from services.refusal import Refusal
from services.text import clean
from sessions.blinding import blind
from sessions.document import Session
from sessions.files import real
from sessions.models import SessionKind


def verify(folder: DataFolder, log: Sequence[Session], wanted: Sequence[str]) -> Iterator[Verified]:
    """What each of `wanted` names, or every session of the log, newest first. Raises Refusal for a name of nothing."""
    shelf = Shelf(folder)
    if not wanted:
        yield from (of_session(session, log, shelf) for session in log if session.kind is not SessionKind.BENCH)
        return
    for name in wanted:
        yield _named(name, log, shelf)


def _named(name: str, log: Sequence[Session], shelf: Shelf) -> Verified:
    """The session, dataset or checkpoint of this name: in this order, as far as it is there. Raises Refusal."""
    ids = [session.id for session in log]
    if ids and (name == LAST or any(s.id.startswith(name) or s.started.import_key == name for s in log)):
        chosen = choose(name, ids, str(shelf.folder.root), log)
        return of_session(next(session for session in log if session.id == chosen), log, shelf)
    folder = checkpoints.home(name)
    own = shelf.folder.datasets / name
    if not folder.is_absolute() and name.strip() and (_is_dataset(own) or any(s.dataset == name for s in log)):
        return of_dataset(name, str(own), log, shelf)
    if _is_dataset(folder):
        return of_dataset(real(folder).name, str(real(folder)), log, shelf)
    try:
        found = checkpoints.resolve(shelf.folder, name)
    except CheckpointProblem as problem:
        if checkpoints.exists(folder) or checkpoints.exists(shelf.folder.trainings / name.partition("@")[0]):
            return Verified(kind="checkpoint", name=name, findings=(unreadable("checkpoint", str(problem)),))
        raise Refusal(
            f"there is no {clean(name)!r} to verify: a session's id, the beginning of it, or `last`; a dataset's name "
            "or folder; or a checkpoint's folder, NAME or NAME@STEP of a training"
        ) from problem
    if found.scripted:
        raise Refusal(f"{NAME} is no file: there is nothing to verify of it")
    return of_checkpoint(found.path, log, shelf)


def _is_dataset(path: Path) -> bool:
    return path.name != "" and checkpoints.exists(path / "meta")


# -- sessions ------------------------------------------------------------------------------------------


def of_session(session: Session, log: Sequence[Session], shelf: Shelf) -> Verified:
    """What a session made and used."""
    found: list[Finding] = []
    match session.kind:
        case SessionKind.TRAIN:
            found = _of_training(session, shelf)
        case SessionKind.EVAL:
            found = _of_evaluation(session, log, shelf)
    if (saved := episodes_finding(session, shelf)) is not None:
        found.append(saved)
    return Verified(kind="session", name=session.id, findings=tuple(kept_there(session, each) for each in found))


def _of_training(session: Session, shelf: Shelf) -> list[Finding]:
    if session.training is None:
        return []
    used = began_with(session)
    began = [tried_finding(used, shelf)] if used else []
    saved = [saved_finding(each, session, shelf) for each in session.training.checkpoints]
    began, saved = ([kept_there(session, each, policy=True) for each in found] for found in (began, saved))
    return [*began, *_data_of_training(session, shelf), *saved]


def _data_of_training(session: Session, shelf: Shelf) -> list[Finding]:
    """Its data, as its newest checkpoint that is left keeps it, else as far as the log does."""
    assert session.training is not None
    known = _kept(session, shelf)
    if session.started.imported and shelf.dataset(known.name, known.root) is None:
        return [unknown(f"dataset {known.name}", "imported: it is not here")] if known.name else []
    if session.brought_in is not None and is_another(known, shelf):
        return [not_here(session, f"dataset {known.name}", "the one of this name here holds none of its episodes")]
    return data_findings(known, shelf)


def _beside(session: Session, shelf: Shelf) -> Provenance | None:
    assert session.training is not None
    for saved in reversed(session.training.checkpoints):
        there = [Path(saved.path)] if saved.path else []
        if (moved := shelf.policies.get(saved.weights) if saved.weights else None) is not None:
            there.append(moved)
        for path in there:
            kept = read_provenance(path / PRETRAINED) if path.is_absolute() else Provenance()
            if kept.session == session.id:
                return kept
    return None


def _of_evaluation(session: Session, log: Sequence[Session], shelf: Shelf) -> list[Finding]:
    if blind(session.request):
        return [unknown("policies", "they are hidden until the session is unblinded")]
    found = []
    for each in tried(session):
        found.append(kept_there(session, tried_finding(each, shelf), policy=True))
        if each.trained_in and not any(other.id == each.trained_in for other in log):
            found.append(gone("training", f"session {each.trained_in}, which trained it, is not in this log"))
    return found


# -- datasets and checkpoints --------------------------------------------------------------------------


def of_dataset(name: str, root: str, log: Sequence[Session], shelf: Shelf) -> Verified:
    """The sessions that recorded into a dataset, and those that learnt from it."""
    dataset = shelf.dataset(name, root)
    sessions = [session for session in log if root == session.dataset_root]
    sessions = sessions or [session for session in log if session.dataset == name]
    if dataset is None and sessions and not any(session.dataset_root for session in sessions):
        nowhere = unknown(f"dataset {name}", "where it lies is not known")
        return Verified(kind="dataset", name=name, findings=(nowhere,))
    if dataset is None:
        lost = gone(f"dataset {name}", f"it is not in {root}", "put a copy back")
        return Verified(kind="dataset", name=name, findings=(lost,))
    summary = dataset.summary
    found: list[Finding] = [unreadable(f"dataset {name}", summary.problem)] if summary.problem else []
    for session in sessions:
        if session.kind is SessionKind.TRAIN and session.training is not None:
            own = data_findings(_kept(session, shelf), shelf)
            found += [_named_after(session, each) for each in own]
        elif (saved := episodes_finding(session, shelf)) is not None:
            found.append(_named_after(session, saved))
    return Verified(
        kind="dataset",
        name=name,
        findings=tuple(found or [unknown(f"dataset {name}", "no session of this log made or used it")]),
    )


def _kept(session: Session, shelf: Shelf) -> Kept:
    assert session.training is not None
    kept = _beside(session, shelf)
    return kept_beside(kept) if kept else kept_in_log(session.dataset, session.dataset_root, session.training.started)


def _named_after(session: Session, found: Finding) -> Finding:
    did = "learnt from it" if session.kind is SessionKind.TRAIN else "recorded"
    return Finding(
        what=f"{found.what}, {did} in {session.id}", standing=found.standing, detail=found.detail, next=found.next
    )


def of_checkpoint(pretrained: Path, log: Sequence[Session], shelf: Shelf) -> Verified:
    """A checkpoint by what lies beside it: weights, configuration, the data that it learnt from, calibration."""
    kept = read_provenance(pretrained)
    found = beside_findings(pretrained, log)
    found += data_findings(kept_beside(kept), shelf)
    found += _bench_now(kept, log)
    return Verified(kind="checkpoint", name=checkpoints.label(pretrained), findings=tuple(found))


def _bench_now(kept: Provenance, log: Sequence[Session]) -> Iterator[Finding]:
    """Whether the benches that recorded its demonstrations are calibrated as they were, as far as the log tells."""
    by_id = {session.id: session for session in log}
    benches = {by_id[name].bench for name in kept.calibrations if name in by_id and by_id[name].bench}
    for bench in sorted(benches):
        known = [s for s in log if s.bench == bench and s.connected is not None and s.connected.calibration]
        newest = max(known, key=lambda session: session.started.at, default=None)
        if newest is None or newest.connected is None:
            continue
        own = [arms for name, arms in kept.calibrations.items() if name in by_id and by_id[name].bench == bench]
        now = newest.connected.calibration
        others = sorted({arm for arms in own for arm, then in arms.items() if arm in now and now[arm] != then})
        if not any(arm in now for arms in own for arm in arms):
            yield unknown(f"calibration of bench {bench}", f"session {newest.id} connected other arms")
        elif others:
            said = f"{' and '.join(others)} had another when it was last connected, in session {newest.id}"
            yield changed(f"calibration of bench {bench}", said, "a policy sees other joint angles than it learnt from")
        else:
            yield matches(f"calibration of bench {bench}", f"as in session {newest.id}")

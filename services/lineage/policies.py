"""Whether a checkpoint is the one that was saved, or tried: by what it holds, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from services.checkpoints.checkpoint import CHECKPOINTS, PRETRAINED, label, missing, read_provenance
from services.checkpoints.scripted import success_rate
from services.checkpoints.settings import configuration
from services.checkpoints.weights import fingerprint
from services.lineage.findings import Finding, changed, gone, matches, unknown, unreadable
from services.lineage.shelf import Shelf
from services.log.kinship.tried import Tried
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.files import read_file
from sessions.lineage import SHOWN

TRAIN_CONFIG = "train_config.json"


def saved_finding(saved: CheckpointSaved, training: Session, shelf: Shelf) -> Finding:
    """A checkpoint of a training, by what the log knows of it."""
    what = f"checkpoint {label(saved.path) if saved.path else saved.step}"
    places = [Path(saved.path), *_moved_with_the_data(saved, training, shelf)] if saved.path else []
    for path in places:
        if path.is_absolute() and _there(path):
            return _as_saved(what, path, saved, moved=path != places[0])
    found = shelf.policies.get(saved.weights) if saved.weights else None
    if found is not None:
        return matches(what, f"it was moved: {found} holds it")
    if training.started.imported:
        return unknown(what, "imported: it is not here")
    return gone(what, f"it is not in {saved.path}")


def _moved_with_the_data(saved: CheckpointSaved, training: Session, shelf: Shelf) -> Iterator[Path]:
    """Where it is if the whole data folder lies elsewhere now."""
    if training.training is not None:
        name = Path(training.training.started.output_dir).name
        yield shelf.folder.trainings / name / CHECKPOINTS / Path(saved.path).name


def _as_saved(what: str, path: Path, saved: CheckpointSaved, *, moved: bool) -> Finding:
    try:
        if lack := missing(path):
            return changed(what, f"it is not whole: {lack}", "put a copy back, or use another checkpoint")
        now = fingerprint(path / PRETRAINED)
    except OSError as error:
        return unreadable(what, error)
    where = f", in {path} now" if moved else ""
    if not saved.weights:
        return unknown(what, f"it is there, and the log keeps no fingerprint of it{where}")
    if now != saved.weights:
        return changed(
            what, f"it holds other weights than were saved: {now[:SHOWN]}, not {saved.weights[:SHOWN]}{where}"
        )
    return matches(what, f"weights {now[:SHOWN]}{where}")


def tried_finding(tried: Tried, shelf: Shelf) -> Finding:
    """A checkpoint that an evaluation tried."""
    what = f"checkpoint {label(tried.path)}" if tried.path else "its policy"
    if _is_scripted(tried.path):
        return matches(what, "the scripted person is what its name says")
    path = Path(tried.path)
    if not path.is_absolute():
        return unknown(what, "where it lies is not known")
    now = ""
    if _there(path):
        try:
            now = fingerprint(path)
        except OSError as error:
            return unreadable(what, error)
        if not tried.weights:
            return unknown(what, "it is there, and the log keeps no fingerprint of what was tried")
        if now == tried.weights:
            return matches(what, f"weights {now[:SHOWN]}")
    found = shelf.policies.get(tried.weights) if tried.weights else None
    lies = f"; what was tried lies in {found}" if found is not None else ""
    if now:
        return changed(what, f"{path} holds other weights by now{lies}")
    return matches(what, f"it was moved: {found} holds it") if found is not None else gone(what, f"it is not in {path}")


def beside_findings(pretrained: Path, log: Sequence[Session]) -> list[Finding]:
    """The policy in this folder and its configuration against the side file, and that against the log."""
    kept = read_provenance(pretrained)
    try:
        now = fingerprint(pretrained)
    except OSError as error:
        return [unreadable("weights", error)]
    found = []
    if not kept.weights:
        found.append(unknown("weights", "no fingerprint is kept beside it"))
    elif now == kept.weights:
        found.append(matches("weights", now[:SHOWN]))
    else:
        said = f"they are {now[:SHOWN]}, and {kept.weights[:SHOWN]} was saved"
        found.append(changed("weights", said, "put a copy back, or use another checkpoint"))
    found.append(_configuration(pretrained, kept.lineage.configuration))
    found += _in_log(kept.session, now, log)
    return found


def _configuration(pretrained: Path, known: str) -> Finding:
    if not known:
        return unknown("configuration", "no fingerprint is kept beside it")
    try:
        now = configuration(orjson.loads(read_file(pretrained / TRAIN_CONFIG)))
    except FileNotFoundError:
        return gone("configuration", f"it has no {TRAIN_CONFIG}: a training cannot go on from it")
    except OSError as error:
        return unreadable("configuration", error)
    except (ValueError, AttributeError, RecursionError):  # no JSON, or no object
        return unreadable("configuration", f"{TRAIN_CONFIG} is not what LeRobot writes")
    if now == known:
        return matches("configuration", now[:SHOWN])
    return changed("configuration", f"{TRAIN_CONFIG} was edited since it was saved")


def _in_log(session_id: str, weights: str, log: Sequence[Session]) -> list[Finding]:
    """The training in the log that saved it."""
    if not session_id:
        return [unknown("training", "nothing says which session trained it")]
    training = next((session for session in log if session.id == session_id), None)
    if training is None or training.training is None:
        return [gone("training", f"session {session_id} is not in this log")]
    known = [saved.weights for saved in training.training.checkpoints]
    if weights in known:
        return [matches("training", f"session {session_id}")]
    if not all(known) or not known:
        return [unknown("training", f"session {session_id} keeps no fingerprint of its checkpoints")]
    return [changed("training", f"session {session_id} saved no such weights")]


def _is_scripted(path: str) -> bool:
    try:
        return success_rate(path) is not None
    except ValueError:
        return False


def _there(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it may not be looked into: reading it says so
        return True
    except ValueError:  # a null byte in a log from elsewhere
        return False

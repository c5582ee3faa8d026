"""Which sessions of a log are linked, looked up in tables that are made once: a log may have 10,000 of them. Pure.

Data is the same by its folder where both sessions know it, else by its name. A checkpoint was made by the training that
saved what it holds, else by the session that its user names, else by the training whose output folder holds it.
"""

from __future__ import annotations

import os.path
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePath

from services.checkpoints.checkpoint import PRETRAINED, label
from services.log.kinship.tried import Tried, began_with, may_be_of, saved_by, tried
from sessions.chains import Evaluation, evaluations
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.models import SessionKind
from sessions.requests import EvalRequest

_STEP = re.compile(r"@ (\d+)$")


class Kin:
    """The links of a log, oldest session first."""

    def __init__(self, log: Iterable[Session]) -> None:
        ordered = sorted(log, key=lambda session: (session.started.at, session.id))
        self._by_id = {session.id: session for session in ordered}
        trainings = [session for session in ordered if session.kind is SessionKind.TRAIN]
        self._by_folder = {_normal(s.training.started.output_dir): s for s in trainings if _folder(s) and s.training}
        self._by_weights = {saved.weights: (saved, s) for s in trainings for saved in saved_by(s) if saved.weights}
        self._wrote: dict[str, list[Session]] = defaultdict(list)
        self._learnt: dict[str, list[Session]] = defaultdict(list)
        self._copies: dict[str, list[Session]] = defaultdict(list)
        for session in ordered:
            if (known := session.started.recording) is not None and known.copy_of:
                self._copies[known.copy_of].append(session)
            if session.kind is SessionKind.TRAIN:
                self._learnt[session.dataset].append(session)
            elif session.kind in (SessionKind.RECORD, SessionKind.EVAL) and session.wrote_data:
                self._wrote[session.dataset].append(session)
        self._tried: dict[str, dict[str, list[Evaluation]]] = defaultdict(dict)
        self._went_on: dict[str, dict[str, list[Session]]] = defaultdict(dict)
        self._parents: dict[str, Session] = {}
        for evaluation in evaluations(ordered):
            for each in _checkpoints_of(evaluation):
                path, made = self._placed(each)
                if made is not None:
                    listed = self._tried[made.id].setdefault(path, [])
                    if evaluation not in listed[-1:]:  # of two sessions of it one may not know the fingerprint
                        listed.append(evaluation)
        for session in trainings:
            used = began_with(session)
            path, made = self._placed(used) if used else ("", None)
            if made is not None and made.id != session.id:
                self._parents[session.id] = made
                self._went_on[made.id].setdefault(path, []).append(session)

    def wrote(self, name: str, root: str) -> list[Session]:
        """The recordings and evaluations with episodes in this dataset."""
        return [session for session in self._wrote.get(name, ()) if _fits(session, root)]

    def learnt_from(self, name: str, root: str) -> list[Session]:
        """The trainings on this dataset."""
        return [session for session in self._learnt.get(name, ()) if _fits(session, root)]

    def copies_of(self, name: str) -> list[Session]:
        """The recordings that tell of a dataset that was made of this one."""
        return self._copies.get(name, [])

    def knows(self, name: str) -> bool:
        """Whether any session of the log is about a dataset of this name."""
        return name in self._wrote or name in self._learnt

    def began_with(self, session: Session) -> str:
        """The path of the checkpoint that a training began with; empty for one from nothing, or from the Hub."""
        used = began_with(session)
        return used.path if used else ""

    def parent(self, session: Session) -> Session | None:
        """The training that made that checkpoint; None without one in this log."""
        return self._parents.get(session.id)

    def movers(self, session: Session) -> list[tuple[str, Session | None]]:
        """The checkpoints that moved the arm in an evaluation, each with its training; empty while it hides them."""
        if session.kind is not SessionKind.EVAL:
            return []
        alone = Evaluation((session,))
        return [self._placed(each) for each in _checkpoints_of(alone)]

    def used(self, session: Session) -> dict[str, None]:
        """The paths of a training's checkpoints that something used, in order."""
        return dict.fromkeys([*self._tried.get(session.id, ()), *self._went_on.get(session.id, ())])

    def tried(self, session: Session, path: str) -> list[Evaluation]:
        """The evaluations of this checkpoint."""
        return self._tried.get(session.id, {}).get(path, [])

    def went_on_from(self, session: Session, path: str) -> list[Session]:
        """The trainings that began with it."""
        return self._went_on.get(session.id, {}).get(path, [])

    def _placed(self, used: Tried) -> tuple[str, Session | None]:
        """Where it was saved, wherever it lies now, and the training that made it."""
        if (known := self._by_weights.get(used.weights)) is not None:
            saved, training = known
            return (used.path if same_checkpoint(saved, used.path) else saved.path), training
        made = self._made(used)
        return used.path, made if made is not None and may_be_of(made, used.weights) else None

    def _made(self, used: Tried) -> Session | None:
        """The training that is said to have made it."""
        if used.trained_in:
            return self._by_id.get(used.trained_in)
        pure = PurePath(_normal(used.path)) if used.path else PurePath()
        if not pure.is_absolute():
            return None
        return next((made for at in pure.parents if (made := self._by_folder.get(str(at))) is not None), None)


def same_checkpoint(saved: CheckpointSaved, path: str) -> bool:
    """Whether `path`, the checkpoint's folder or the policy's in it, is this one; by its step where no folder is known.

    An imported training may not know its folders: its checkpoint is then called `act_v2 @ 020000`.
    """
    if saved.path and PurePath(path).is_absolute():
        return PurePath(_normal(path.rstrip("/").removesuffix(PRETRAINED))) == PurePath(_normal(saved.path))
    step = step_in(path)
    return step is not None and step == saved.step


def step_in(path: str) -> int | None:
    """The step of a checkpoint as its path or label tells it; None without one."""
    found = _STEP.search(label(path)) or _STEP.search(path)
    return int(found[1]) if found else None


def _checkpoints_of(evaluation: Evaluation) -> dict[Tried, None]:
    """Each policy that an evaluation tried; none of a blinded one."""
    found: dict[Tried, None] = {}
    for session in evaluation.sessions:
        request = session.request
        if not (isinstance(request, EvalRequest) and request.looks_only):
            found |= dict.fromkeys(tried(session))
    return found


def _fits(session: Session, root: str) -> bool:
    return not root or not session.dataset_root or _normal(session.dataset_root) == _normal(root)


def _folder(session: Session) -> bool:
    return session.training is not None and PurePath(session.training.started.output_dir).is_absolute()


def _normal(path: str) -> str:
    return os.path.normpath(path) if path else ""

"""A dataset's life as a tree: what recorded it, what learnt from it, its checkpoints, and how those did. Pure.

The tree is derived from the log's documents alone. Sessions that belong together are one node: a training with the
times when it went on, an evaluation that went over several sessions. What the log does not have is named where it
would stand, and a log from elsewhere whose links run in a circle ends somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum

import msgspec

from services.log.kinship import life_values as values
from services.log.kinship.kin import Kin, same_checkpoint
from services.log.sections import Value, text
from services.refusal import Refusal
from services.text import clean
from services.tone import Tone
from services.units import plural
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.facts import CheckpointSaved

DEEPEST = 24
"""Levels of a tree, at most: a training that went on from one that went on."""


class Kind(StrEnum):
    """What a node is."""

    DATASET = "dataset"
    RECORDING = "recording"
    TRAINING = "training"
    CHECKPOINT = "checkpoint"
    EVALUATION = "evaluation"
    MISSING = "missing"
    """Something that the log names and does not have."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the tree: its name, its numbers, and what came of it. `session` is the one that it opens."""

    kind: Kind
    name: str
    values: tuple[Value, ...] = ()
    session: str = ""
    children: tuple[Node, ...] = ()


def roots(log: Iterable[Session], name: str) -> tuple[str, ...]:
    """The folders in which the log knows a dataset of this name, the newest first; empty texts are left out."""
    return tuple(dict.fromkeys(s.dataset_root for s in log if s.dataset == name and s.dataset_root))


def names(log: Iterable[Session]) -> tuple[str, ...]:
    """Every dataset that the log knows, the newest first."""
    return tuple(dict.fromkeys(session.dataset for session in log if session.dataset))


def life(log: Iterable[Session], name: str, root: str = "") -> Node:
    """The life of the dataset of this name; of several in different folders, of the one in `root`.

    A session whose folder is not known belongs to each of them.
    """
    return _Tree(Kin(log)).dataset(name, root)


def grown(log: Iterable[Session], name: str, where: str) -> list[Node]:
    """The trees of the datasets of this name, one for each folder that has one. Raises Refusal if there is none.

    `where` is the data folder, which the refusal names.
    """
    listed = tuple(log)
    known = names(listed)
    if name not in known:
        near = get_close_matches(name, known, 1, 0.6)
        meant = f"did you mean {clean(near[0])}?" if near else "`lab-console sessions` lists what there is"
        raise Refusal(f"no session of {where} is about a dataset '{clean(name)}': {meant}")
    kin = Kin(listed)
    return [_Tree(kin).dataset(name, root) for root in roots(listed, name) or ("",)]


def life_of(log: Iterable[Session], session: Session) -> Node:
    """The tree in which this session stands: of its dataset, for an evaluation of what its policy learnt from.

    Raises Refusal if it has none.
    """
    kin = Kin(log)
    made = [maker for _, maker in kin.movers(session) if maker is not None and maker.dataset]
    about = made[0] if made else session
    if not about.dataset:
        raise Refusal("this session is about no dataset: choose a recording, a training or an evaluation")
    return _Tree(kin).dataset(about.dataset, about.dataset_root)


def as_json(trees: Iterable[Node]) -> bytes:
    """For `log tree --json`: a list of nodes with the keys kind, name, values, session and children.

    A value has text, tone, mark and strong, as in `show --json`. Keys may be added, none goes.
    """
    return msgspec.json.format(msgspec.json.encode(list(trees)), indent=2)


class _Tree:
    """Grows the tree; each session becomes a node at most once below one dataset."""

    def __init__(self, kin: Kin) -> None:
        self._kin = kin
        self._shown: set[str] = set()
        self._datasets: set[tuple[str, str]] = set()

    def dataset(self, name: str, root: str, depth: int = 0) -> Node:
        self._datasets.add((name, root))
        wrote, learnt = self._kin.wrote(name, root), self._kin.learnt_from(name, root)
        self._shown.update(session.id for session in wrote)
        made = [self._recording(session, name) for session in wrote]
        if not made and (learnt or not depth):
            what = "no session of this log recorded it: it came from elsewhere"
            made = [Node(kind=Kind.MISSING, name=what)]
        own = {session.id for session in learnt}
        first = [session for session in learnt if self._parent(session) not in own]
        children = [*made, *self._trainings([*first, *learnt], name, depth)]  # those of a circle of parents, too
        children += self._copies(name, depth)
        return Node(kind=Kind.DATASET, name=clean(name), values=values.of_dataset(wrote, learnt, root),
                    children=tuple(children))  # fmt: skip

    def _copies(self, name: str, depth: int) -> Iterator[Node]:
        """The datasets that were made of this one, as far as the log tells it."""
        for copy in self._kin.copies_of(name):
            place = copy.dataset, copy.dataset_root
            if place not in self._datasets and depth < DEEPEST:
                yield self.dataset(*place, depth=depth + 1)

    def _parent(self, session: Session) -> str:
        """The training of this log whose checkpoint it began with; empty for none."""
        parent = self._kin.parent(session)
        return parent.id if parent is not None else ""

    def _recording(self, session: Session, dataset: str) -> Node:
        """A recording; of an evaluation's motion also whose policy moved the arm, and what that had learnt from."""
        known = session.started.recording
        source = known.copy_of if known else ""
        origin = values.copied(source, there=self._kin.knows(source)) if source else None
        more = values.of_recording(session, self._kin.movers(session), dataset, origin)
        return Node(kind=Kind.RECORDING, name=values.recorded(session), values=more, session=session.id)

    def _trainings(self, sessions: Iterable[Session], dataset: str, depth: int) -> Iterator[Node]:
        for session in sessions:
            if session.id not in self._shown and depth < DEEPEST:
                self._shown.add(session.id)
                yield self._training(session, dataset, depth + 1)

    def _training(self, session: Session, dataset: str, depth: int) -> Node:
        saved = session.training.checkpoints if session.training else ()
        best = session.training.best if session.training else None
        paths = [checkpoint.path for checkpoint in saved]
        tried = list(self._kin.used(session))
        foreign = [path for path in tried if not any(same_checkpoint(each, path) for each in saved)]
        children: list[Node] = []
        plain: list[CheckpointSaved] = []
        for checkpoint in saved:
            below = [
                node
                for path in tried
                if same_checkpoint(checkpoint, path)
                for node in self._below(session, path, dataset, depth)
            ]
            if below or checkpoint is best or checkpoint is saved[-1]:
                children.append(self._checkpoint(checkpoint, best, below, session))
            else:
                plain.append(checkpoint)
        for path in foreign:
            below = list(self._below(session, path, dataset, depth))
            note = (text("its session does not list it", Tone.WARNING),) if paths else ()
            name = values.step_of(path) or values.called(path)
            children.append(Node(kind=Kind.CHECKPOINT, name=name, values=note, session=session.id,
                                 children=tuple(below)))  # fmt: skip
        if plain:
            name = f"{plural(len(plain), 'further checkpoint')}"
            told = values.further(plain)
            children.insert(0, Node(kind=Kind.CHECKPOINT, name=name, values=told, session=session.id))
        origin = self._origin(session)
        more = values.of_training(session, dataset, origin)
        return Node(kind=Kind.TRAINING, name=values.trained(session), values=more, session=session.id,
                    children=tuple(children))  # fmt: skip

    def _origin(self, session: Session) -> Value | None:
        """The checkpoint that it began with, and that its training is not in the log where that is so."""
        began_with = self._kin.began_with(session)
        if not began_with:
            return None
        if self._kin.parent(session) is None:
            return text(f"went on from {values.called(began_with)}, which no training of this log made", Tone.WARNING)
        return text(f"went on from {values.called(began_with)}")

    def _checkpoint(
        self, checkpoint: CheckpointSaved, best: CheckpointSaved | None, below: list[Node], session: Session
    ) -> Node:
        told = values.of_checkpoint(session, checkpoint, best=checkpoint is best)
        return Node(kind=Kind.CHECKPOINT, name=values.step_name(checkpoint), values=told, session=session.id,
                    children=tuple(below))  # fmt: skip

    def _below(self, session: Session, path: str, dataset: str, depth: int) -> Iterator[Node]:
        """What used a checkpoint: evaluations, then trainings that went on from it."""
        for evaluation in self._kin.tried(session, path):
            yield self._evaluation(evaluation, path, depth)
        yield from self._trainings(self._kin.went_on_from(session, path), dataset, depth)

    def _evaluation(self, evaluation: Evaluation, path: str, depth: int) -> Node:
        """An evaluation as one checkpoint did in it; its motion's dataset below it, where something learnt from it."""
        last = evaluation.last
        further: list[Node] = []
        places = dict.fromkeys((s.dataset, s.dataset_root) for s in evaluation.sessions if s.dataset and s.episodes)
        for place in places:
            if place not in self._datasets and depth < DEEPEST and self._kin.learnt_from(*place):
                further.append(self.dataset(*place, depth=depth + 1))
        return Node(kind=Kind.EVALUATION, name=values.tried(evaluation), values=values.of_evaluation(evaluation, path),
                    session=last.id, children=tuple(further))  # fmt: skip

"""Whether the episodes that a session saved are still in its dataset, as long as they were, with the same marks."""

from __future__ import annotations

from collections.abc import Mapping

from services.datasets.marks import Mark
from services.lineage.elsewhere import not_here
from services.lineage.findings import Finding, changed, gone, matches, unknown, unreadable
from services.lineage.shelf import Dataset, Shelf
from services.units import plural
from sessions.document import Session
from sessions.left_out import as_ranges
from sessions.models import Episode

MOST_RANGES = 8


def episodes_finding(session: Session, shelf: Shelf) -> Finding | None:
    """What became of the episodes of a recording or an evaluation; None if it saved none."""
    if not session.episodes or not session.dataset:
        return None
    what, saved = f"dataset {session.dataset}", plural(len(session.episodes), "episode")
    dataset = shelf.dataset(session.dataset, session.dataset_root)
    if dataset is None:
        if session.started.imported:
            return unknown(what, f"imported, with {saved}: it is not here")
        where = session.dataset_root or shelf.folder.datasets
        return gone(what, f"it is not in {where}; the session saved {saved}", "put a copy back")
    if dataset.summary.problem and not dataset.summary.episodes:
        return unreadable(what, dataset.summary.problem)
    try:
        return _compared(what, session, dataset)
    except OSError as error:
        return unreadable(what, error)


def _compared(what: str, session: Session, dataset: Dataset) -> Finding:
    marks, lengths = dataset.summary.matched.marks, dataset.lengths
    own = {mark.take: index for index, mark in marks.items() if mark.session == session.id and mark.take}
    if session.brought_in is not None and not own:
        return not_here(session, what, "the one of this name here has none of its episodes")
    away, longer, marked, moved, untold = [], [], [], [], []
    for episode in session.episodes:
        at = _place(episode, session, own, marks, dataset)
        if at is None:
            away.append(episode.index)
            continue
        if at != episode.index:
            moved.append(episode.index)
        if at not in lengths:
            untold.append(episode.index)
        elif episode.frames and lengths[at] != episode.frames:
            longer.append(episode.index)
        if (mark := marks.get(at)) is not None and mark.accepted != episode.accepted:
            marked.append(episode.index)
    said = []
    if away:
        said.append(f"{plural(len(away), 'episode is', 'episodes are')} not in it any more: {_numbers(away)}")
    if longer:
        said.append(f"{plural(len(longer), 'episode has', 'episodes have')} another length: {_numbers(longer)}")
    if marked:
        are = plural(len(marked), "episode is", "episodes are")
        said.append(f"{are} marked otherwise in the dataset than in the log: {_numbers(marked)}")
    if said:
        then = f"`lab-console accept` or `reject {session.id} EPISODE` marks both alike" if marked else ""
        return changed(what, "; ".join(said), then)
    if untold:
        lacking = plural(len(untold), "episode")
        return unreadable(what, f"meta/episodes does not tell the length of {lacking}: {_numbers(untold)}")
    renumbered = f", {len(moved)} of them under other numbers now" if moved else ""
    return matches(what, f"{plural(len(session.episodes), 'episode')}{renumbered}")


def _place(
    episode: Episode, session: Session, own: Mapping[int, int], marks: Mapping[int, Mark], dataset: Dataset
) -> int | None:
    """The episode's number now: its mark tells it, wherever it is; without one it has the number that it had."""
    if episode.take in own:
        return own[episode.take]
    theirs = marks.get(episode.index)
    taken = theirs is not None and (theirs.session not in ("", session.id) or theirs.take not in (0, episode.take))
    return episode.index if episode.index < dataset.summary.episodes and not taken else None


def _numbers(episodes: list[int]) -> str:
    return as_ranges(episodes, MOST_RANGES)

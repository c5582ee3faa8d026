"""Brings a dataset's sidecar up to the episodes that there are. For whoever may write the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.datasets.marks import Mark, has_marks, read_marks, replace_marks
from services.datasets.matching import match

RECOVERED = "recovered"


def marks_fit(root: Path, contents: Mapping[int, str]) -> bool:
    """Whether every episode has its mark and every mark its episode; True if there is no sidecar."""
    if not has_marks(root):
        return True
    marks = read_marks(root)
    matched = match(marks, contents)
    lacking = set(matched.unmarked) - set(matched.doubtful)
    return not (marks.message or matched.moved or lacking or matched.gone > len(matched.doubtful))


def fit_marks(root: Path, contents: Mapping[int, str]) -> str:
    """Give each mark to the episode of its content; drop marks of episodes that do not exist.

    An episode without a mark becomes accepted, flagged recovered; a doubtful mark stays where it is. Returns a message
    for the operator, usually empty.
    """
    if marks_fit(root, contents):
        return ""
    marks = read_marks(root)
    matched = match(marks, contents)
    fitted = {i: matched.marks.get(i, Mark(flags=(RECOVERED,))) for i in contents}
    bound = dict(contents)
    for index in matched.doubtful:
        fitted[index], bound[index] = marks[index], marks.contents.get(index, "")
    message = replace_marks(root, fitted, bound)
    return "; ".join(part for part in (message, *(matched.notes() if matched.moved else ())) if part)


def bind_marks(root: Path, contents: Mapping[int, str]) -> None:
    """Bind each mark to the content of its episode; a dataset without a sidecar gets one with all accepted."""
    marks = read_marks(root)
    doubtful = match(marks, contents).doubtful
    unbound = [i for i in contents if i not in doubtful and marks.contents.get(i, "") != contents[i]]
    if unbound or not has_marks(root):
        bound = {i: marks.contents.get(i, "") if i in doubtful else content for i, content in contents.items()}
        replace_marks(root, {i: marks.get(i, Mark()) for i in contents}, bound)

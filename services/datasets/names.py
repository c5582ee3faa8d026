"""The rules for names of datasets."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

ROLLOUT = "rollout_"
"""The prefix of datasets whose episodes come from a policy."""
_PATTERNS = ("[", "]", "*", "?", "::")
LONGEST_NAME = 96
"""Characters of a whole name, owner included: the Hub's limit."""


def check_dataset_name(name: str) -> None:
    """Raises ValueError with the reason if `name` cannot name a recording (`name` or `owner/name`).

    The rules are the Hub's (a recording may be pushed later) and LeRobot's (`eval_` is not for record).
    """
    if not name:
        raise ValueError("a dataset needs a name")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a dataset's name has at most {LONGEST_NAME} characters, this one has {len(name)}")
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise ValueError("a dataset's name has no control characters")
    parts = name.split("/")
    if len(parts) > 2:
        raise ValueError(f"{name!r} has more than one slash: use name or owner/name")
    for part in parts:
        _check_part(name, part)
    if parts[-1].startswith("eval_"):
        raise ValueError("names that begin with eval_ are for evaluations: LeRobot does not record into them")


def is_recordable(name: str) -> bool:
    """Whether a recording may have this name, and not a policy's rollouts."""
    try:
        check_dataset_name(name)
    except ValueError:
        return False
    return not name.rpartition("/")[2].startswith(ROLLOUT)


def check_rollout_name(name: str) -> None:
    """Raises ValueError with the reason if `name` cannot name the dataset of an evaluation.

    LeRobot (rollout/context.py) requires such names to begin with `rollout_`.
    """
    check_dataset_name(name)
    if not name.rpartition("/")[2].startswith(ROLLOUT):
        raise ValueError(f"{name!r} must begin with {ROLLOUT}: LeRobot recognizes episodes of policies by it")


def check_path(root: Path) -> None:
    """Raises ValueError with the reason if LeRobot cannot read datasets below `root`.

    It opens parquet files through `datasets` (4.8, data_files.py), which takes `*`, `?` and `[...]` in a path for a
    pattern, and may so read another folder's files; `::` chains file systems (fsspec).
    """
    found = next((part for part in _PATTERNS if part in str(root)), "")
    if found:
        raise ValueError(
            f"the data folder {str(root)!r} has {found!r} in its path, which LeRobot takes for a pattern and not for a "
            "name: choose another with --data-dir or LAB_CONSOLE_HOME, or rename it"
        )


def proposed_name(text: str) -> str:
    """A name that `check_dataset_name` accepts, made of any text such as a task's name; empty if nothing is left.

    `pick and place` becomes `pick_and_place`.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text)
    name = re.sub(r"[.]{2,}", ".", re.sub(r"-{2,}", "-", name)).strip("._-")[:LONGEST_NAME].rstrip("._-")
    return f"record_{name}" if name.startswith("eval_") else name


def _check_part(name: str, part: str) -> None:
    if not part:
        raise ValueError(f"{name!r} has a slash with nothing beside it: use name or owner/name")
    if part[0] in ".-" or part[-1] in ".-":
        raise ValueError(f"{part!r} begins or ends with a dot or a dash")
    stranger = re.search(r"[^A-Za-z0-9._-]", part)
    if stranger:
        raise ValueError(f"the name contains {called(stranger[0])}: use letters, digits, dot, dash and underscore")
    if "--" in part or ".." in part:
        raise ValueError("the name contains a double dash or a double dot, which the Hub refuses")


def called(character: str) -> str:
    """A character for people: `a space`, `'!'`."""
    return "a space" if character.isspace() else repr(character)

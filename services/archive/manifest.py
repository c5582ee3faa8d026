"""What an archive of a session holds: a ZIP file (stored or deflated) whose `manifest.json` names every file in it.

Its other members lie as in a data folder: `sessions.json`, `runs/ID/...`, and of the data `datasets/NAME/...` and
`outputs/train/NAME/checkpoints/STEP/pretrained_model/...`. Nothing in it is ever unpickled; no member is a pickle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec

from services.datasets.names import check_dataset_name
from services.folders import SESSION_ID

NAME = "manifest.json"
FORMAT, VERSION = "lab-console-session", 1
DOCUMENTS = "sessions.json"
IN_RUN = frozenset({"events.jsonl", "metrics.jsonl", "request.json"})
PICKLES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy", ".npz", ".dill", ".marshal"})
"""Ends of names of files that are loaded by unpickling, or may be."""
LONGEST = 512
_CHECKPOINT = re.compile(r"outputs/train/[^/]+/checkpoints/\d+/pretrained_model")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A file: its path in the archive, its bytes and their SHA-256 (hexadecimal)."""

    path: str
    bytes: int
    sha256: str


class Cargo(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset or a checkpoint, for people, and the folder that it is, in the archive and below a data folder."""

    what: str
    path: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The archive's content. `session` is what was packed, `sessions` with those that it is linked to.

    `left_out` are sentences on what is not in it.
    """

    format: str
    version: int
    session: str
    sessions: tuple[str, ...]
    packed_utc: str
    host: str
    files: tuple[Member, ...]
    data: tuple[Cargo, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(file.bytes for file in self.files)


def problem(manifest: Manifest) -> str:
    """Why this is no manifest that may be followed, as the end of a sentence; empty if it may."""
    if manifest.format != FORMAT:
        return "it is not an archive of lab console"
    if manifest.version > VERSION:
        return f"it was packed by a newer lab console (version {manifest.version}, this one knows {VERSION}): update"
    if any(file.bytes < 0 or not re.fullmatch("[0-9a-f]{64}", file.sha256) for file in manifest.files):
        return "its manifest has a file without size or SHA-256"
    paths = [file.path for file in manifest.files]
    if not all(SESSION_ID.fullmatch(each) for each in (manifest.session, *manifest.sessions)):
        return "its manifest names a session by what is no id"
    wrong = [each for cargo in manifest.data if (each := no_cargo(cargo.path))]
    roots = tuple(cargo.path for cargo in manifest.data)
    wrong += [each for path in paths if (each := no_place(path, roots))]
    wrong += [f"{root!r} has no file" for root in roots if not any(path.startswith(f"{root}/") for path in paths)]
    return wrong[0] if wrong else clash([*paths, NAME])


def clash(paths: Iterable[str]) -> str:
    """Why these files cannot lie in one folder on any system, as the end of a sentence; empty if they can."""
    seen: set[str] = set()
    for path in paths:
        if path.casefold() in seen:
            return f"{path!r} is in it twice"
        seen.add(path.casefold())
    for path in seen:
        if found := next((str(parent) for parent in PurePosixPath(path).parents if str(parent) in seen), ""):
            return f"{found!r} is a file and a folder in it"
    return ""


def no_place(path: str, roots: tuple[str, ...]) -> str:
    """Why a file may not have this path."""
    parts = path.split("/")
    if len(path) > LONGEST or not path.isprintable() or set(path) & set('\\:*?"<>|'):
        return f"{path[:80]!r} is no name of a file in an archive"
    if any(part in ("", ".", "..") or part[-1] in ". " for part in parts):
        return f"{path!r} leads out of the folder, or is no plain path"
    if PurePosixPath(path).suffix.casefold() in PICKLES:
        return f"{path!r} is loaded by unpickling it, which may run anything"
    run = len(parts) == 3 and parts[0] == "runs" and SESSION_ID.fullmatch(parts[1]) and parts[2] in IN_RUN
    if path == DOCUMENTS or run or any(path.startswith(f"{root}/") for root in roots):
        return ""
    return f"{path!r} is no part of a session"


def no_cargo(path: str) -> str:
    """Why this may be no folder of data."""
    kind, _, name = path.partition("/")
    if kind == "datasets":
        try:
            check_dataset_name(name)
        except ValueError as error:
            return f"{path!r} is no dataset: {error}"
        return ""
    bad = not _CHECKPOINT.fullmatch(path) or no_place(f"{path}/x", (path,))
    return f"{path!r} is no checkpoint" if bad else ""

"""What was sent here: checked, put in its place, and remembered, so that only an untouched copy is ever replaced."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath

from services.folders import DataFolder
from services.refusal import Refusal
from services.targets.fingerprint import Fingerprint, fingerprint
from services.targets.jobs import running_trainings
from sessions.files import sync_folder, sync_tree, write_atomically

INCOMING = "incoming"
"""Below the data folder: what is not whole yet."""
RECEIPTS = "receipts"
"""In there: the digest of each copy that was put in its place."""
LEFT_S = 14 * 24 * 3600.0
"""Age of what arrived in part after which it is removed."""


def place(folder: DataFolder, path: str) -> Path:
    """The path below the data folder. Raises Refusal for one that leads out of it."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise Refusal(f"{path!r} is no place below the data folder")
    return folder.root / parts


def look(folder: DataFolder, path: str) -> tuple[Fingerprint, bool]:
    """The fingerprint of what lies there, and whether it is as it was once put there. Raises Refusal, OSError."""
    found = fingerprint(place(folder, path))
    return found, bool(found.digest) and _receipt(folder, path) == found.digest


def put(folder: DataFolder, incoming: str, path: str, digest: str, *, replace: bool) -> None:
    """Move `incoming` to `path`. Raises Refusal or OSError; what lay there is untouched then."""
    source, final = place(folder, incoming), place(folder, path)
    there, known = look(folder, path)
    if there.digest != digest:
        if fingerprint(source).digest != digest:
            shutil.rmtree(source, ignore_errors=True)  # nobody goes on with it: what is sent next has another name
            raise Refusal("what arrived is not what was to be sent: send it again when nothing writes in it any more")
        if there.digest:
            _check_replaceable(folder, path, known=known, replace=replace)
        _swap(source, final)
    _note(folder, path, digest)
    sweep(folder.root / INCOMING)


def _check_replaceable(folder: DataFolder, path: str, *, known: bool, replace: bool) -> None:
    if not (replace and known):
        raise Refusal(f"{folder.root / path} is there and differs: rename one of them, or remove it there by hand")
    name = path.removeprefix("datasets/")
    used = next((each.name for each in running_trainings(folder) if each.dataset == name), "")
    if used:
        raise Refusal(f"{path} there is older, and training {used} reads it: wait until that has ended, or stop it")


def _swap(source: Path, final: Path) -> None:
    sync_tree(source)
    final.parent.mkdir(parents=True, exist_ok=True)
    old = source.parent / f"old-{secrets.token_hex(4)}"
    if final.exists():
        os.replace(final, old)
    try:
        os.replace(source, final)
    except OSError:
        if old.exists():
            os.replace(old, final)
        raise
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def sweep(incoming: Path) -> None:
    """Remove what was sent, or unpacked, in part and never gone on with. Raises OSError if it cannot be listed."""
    for path in incoming.iterdir():
        with suppress(OSError):
            newest = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
            if path.name != RECEIPTS and time.time() - newest > LEFT_S:
                shutil.rmtree(path, ignore_errors=True)


def _note(folder: DataFolder, path: str, digest: str) -> None:
    receipt = _receipt_file(folder, path)
    receipt.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(receipt, digest.encode())


def _receipt(folder: DataFolder, path: str) -> str:
    try:
        return _receipt_file(folder, path).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _receipt_file(folder: DataFolder, path: str) -> Path:
    return folder.root / INCOMING / RECEIPTS / path.replace("/", "__")

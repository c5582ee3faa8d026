"""Datasets and policies of the Hugging Face Hub: those in the client's cache, and new ones once somebody asks.

Only `download`, `why_absent` and `check_upload` ask the network; the cache is the client's own and is never written.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from services.error_text import whole_reason
from services.folders import DataFolder
from services.refusal import Option, Refusal
from services.text import clean
from sessions.files import read_file, sync_folder, sync_tree, why_unwritable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
WEIGHTS = ["*.json", "*.safetensors", "*.md"]
"""What is loaded of a policy: nothing that runs code."""
SHORT_COMMIT = 7
"""Characters of a commit that are shown."""
_PUSH = Option("push")


class Kind(StrEnum):
    """What a repository of the Hub holds."""

    DATASET = "dataset"
    MODEL = "model"


def is_id(text: str) -> bool:
    """Whether it is written as the Hub writes its ids, `owner/name`."""
    return _ID.fullmatch(text) is not None


def split(text: str) -> tuple[str, str]:
    """(id, revision) of `owner/name@revision`: a branch, a tag or a commit; empty for the newest one."""
    repo_id, _, revision = text.partition("@")
    return repo_id, revision


def snapshot_name(folder: Path) -> str:
    """`owner/name @ 0123456` for the folder of a model's snapshot in the client's cache; else empty."""
    kind, *parts = folder.parent.parent.name.split("--")
    if folder.parent.name != "snapshots" or kind != "models" or not parts:
        return ""
    return f"{'/'.join(parts)} @ {folder.name[:SHORT_COMMIT]}"


def cached(repo_id: str, kind: Kind = Kind.MODEL, revision: str = "") -> Path | None:
    """The newest snapshot in the client's cache, or that of the revision; None without one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    with suppress(LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError):
        found = snapshot_download(repo_id, repo_type=kind.value, revision=revision or None, local_files_only=True)
        return Path(found)
    return None


def policies() -> list[str]:
    """The ids of LeRobot's policies in the client's cache, in order of their names. Reads disk."""
    from huggingface_hub import constants

    found = set()
    for config in Path(constants.HF_HUB_CACHE).glob("models--*--*/snapshots/*/config.json"):
        with suppress(OSError, ValueError, RecursionError):
            told = json.loads(read_file(config))
            if isinstance(told, dict) and {"type", "input_features"} <= told.keys():
                found.add("/".join(config.parents[2].name.split("--")[1:]))
    return sorted(filter(is_id, found))


def why_absent(repo_id: str, patience_s: float) -> str:
    """Why the Hub does not give this model; empty if it does. Asks the network, unless the client is offline."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return "its client is offline: HF_HUB_OFFLINE is set"
    try:
        HfApi().model_info(repo_id, timeout=patience_s)
    except Exception as error:  # the client's errors have no common base, and the network's come through
        return whole_reason(error)
    return ""


def check_upload(repo_id: str) -> None:
    """Raises Refusal if nothing can be uploaded from here now. Asks the network, unless the client is offline."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import LocalTokenNotFoundError

    later = f"or leave it out, and upload the checkpoint later (`hf upload {repo_id} FOLDER`)"
    if constants.HF_HUB_OFFLINE:
        raise Refusal((_PUSH, f": the Hub's client is offline (HF_HUB_OFFLINE is set): unset it, {later}"), "push")
    try:
        HfApi().whoami()
    except LocalTokenNotFoundError as error:
        raise Refusal(
            (_PUSH, f": nobody is logged in to the Hub here: `hf auth login` does, {later}"), "push"
        ) from error
    except Exception as error:  # the client's errors have no common base, and the network's come through
        why = f": the Hub cannot be asked ({whole_reason(error)}): mend that, {later}"
        raise Refusal((_PUSH, why), "push") from error


def check_id(repo_id: str) -> None:
    """Raises Refusal if this is no OWNER/NAME."""
    if not is_id(repo_id):
        raise Refusal(f"{clean(repo_id)!r} is no id of the Hub: write OWNER/NAME")


def download(repo_id: str, kind: Kind, revision: str = "") -> Path:
    """Bring it into the client's cache, or take it from there if the client is offline. Raises Refusal."""
    from huggingface_hub import constants, snapshot_download

    check_id(repo_id)
    if constants.HF_HUB_OFFLINE and (there := cached(repo_id, kind, revision)):
        return there
    patterns = WEIGHTS if kind is Kind.MODEL else None
    try:
        found = snapshot_download(repo_id, repo_type=kind.value, revision=revision or None, allow_patterns=patterns)
        return Path(found)
    except Exception as error:  # the client's errors have no common base, and the network's come through
        which = f"{repo_id}@{clean(revision)}" if revision else repo_id
        raise Refusal(f"{kind.value} {which} cannot be had from the Hub: {whole_reason(error)}") from error


def bring_dataset(folder: DataFolder, repo_id: str, revision: str = "") -> Path:
    """A copy of the Hub's dataset in the data folder, whose marks are ours. Raises Refusal; one that is there stays."""
    root = folder.datasets / repo_id
    if root.exists():
        raise Refusal(f"{root} is there already: nothing was changed")
    snapshot = download(repo_id, Kind.DATASET, revision)
    partial = root.with_name(f".incoming-{root.name}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(snapshot, partial)  # follows the cache's links
        sync_tree(partial)
        partial.rename(root)
        sync_folder(root.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise Refusal(f"dataset {repo_id} is not copied to {root}: {why_unwritable(error)}") from error
    return root

"""Datasets and policies of the Hugging Face Hub: those in the client's cache, and new ones once somebody asks.

Only `download`, `why_absent` and `check_upload` ask the network; the cache is the client's own and is never written.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from services.error_text import whole_reason
from services.folders import DataFolder
from services.refusal import Option, Refusal
from services.text import clean
from sessions.files import sync_folder, sync_tree, why_unwritable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
WEIGHTS = ["*.json", "*.safetensors", "*.md"]
"""What is loaded of a policy: nothing that runs code."""
_PUSH = Option("push")


class Kind(StrEnum):
    """What a repository of the Hub holds."""

    DATASET = "dataset"
    MODEL = "model"


def is_id(text: str) -> bool:
    """Whether it is written as the Hub writes its ids, `owner/name`."""
    return _ID.fullmatch(text) is not None


def cached(repo_id: str, kind: Kind = Kind.MODEL) -> Path | None:
    """The newest snapshot in the client's cache; None without one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    with suppress(LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError):
        return Path(snapshot_download(repo_id, repo_type=kind.value, local_files_only=True))
    return None


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


def download(repo_id: str, kind: Kind) -> Path:
    """Bring it into the client's cache, or take it from there if the client is offline. Raises Refusal."""
    from huggingface_hub import snapshot_download

    check_id(repo_id)
    patterns = WEIGHTS if kind is Kind.MODEL else None
    try:
        return Path(snapshot_download(repo_id, repo_type=kind.value, allow_patterns=patterns))
    except Exception as error:  # the client's errors have no common base, and the network's come through
        raise Refusal(f"{kind.value} {repo_id} cannot be had from the Hub: {whole_reason(error)}") from error


def bring_dataset(folder: DataFolder, repo_id: str) -> Path:
    """A copy of the Hub's dataset in the data folder, whose marks are ours. Raises Refusal; one that is there stays."""
    root = folder.datasets / repo_id
    if root.exists():
        raise Refusal(f"{root} is there already: nothing was changed")
    snapshot = download(repo_id, Kind.DATASET)
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

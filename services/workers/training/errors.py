"""Explains why a training cannot start or go on, as one sentence with what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from services.datasets.lock import DatasetProblem
from services.error_text import crash_reason, whole_reason
from services.live.requests import TrainRequest
from sessions.files import FULL, why_unwritable
from sessions.files import cannot_write as unwritable

_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc")
_OFFLINE_KINDS = {
    "LocalEntryNotFoundError", "OfflineModeIsEnabled", "URLError", "ConnectionError", "ConnectError", "ConnectTimeout",
    "RepositoryNotFoundError", "GatedRepoError",
}  # fmt: skip
OBSERVED = "observation."
_OFFLINE_TEXTS = ("couldn't connect to", "offline mode", "name or service not known", "cached files")


def is_explained(error: BaseException) -> bool:
    """Whether the message already says what is wrong and what to do, so that a traceback adds nothing."""
    return isinstance(error, DatasetProblem) or type(error).__name__ == "ConfigProblem"


def explain(error: BaseException, request: TrainRequest) -> str:
    """The error as a sentence for the operator."""
    if is_explained(error):
        return str(error)
    if out_of_memory(error):
        return f"out of memory: {whole_reason(error)}; {advice(request)}"
    if disk_is_full(error):
        return f"the disk is full: {whole_reason(error)}; free it and train again"
    if unreachable(error):
        return _offline(error, request)
    if isinstance(error, KeyError) and error.args and str(error.args[0]).startswith(OBSERVED):
        return (
            f"{request.policy} takes {error.args[0]}, and a sample of dataset {request.dataset} does not have it: give "
            "it under that name with --set rename_map=..., or train a policy of that kind anew"
        )
    if isinstance(error, FileExistsError) and request.name in str(error):
        return f"a training {request.name} exists: choose another name"
    return crash_reason(error)


def advice(request: TrainRequest) -> str:
    """What to do after running out of memory."""
    smaller = "resize the pictures, " if request.policy == "act" and request.resize is None else ""
    return f"use a smaller batch size (it is {request.batch_size}), {smaller}num_workers=0, or a smaller policy"


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on this machine or on its accelerator (torch says so in RuntimeErrors)."""
    return any(isinstance(e, MemoryError) or any(t in str(e).lower() for t in _MEMORY) for e in _chain(error))


def loader_was_killed(error: BaseException) -> bool:
    """Whether a signal ended a process that loads data (torch reports it in a RuntimeError)."""
    return any("killed by signal" in str(e) for e in _chain(error))


def disk_is_full(error: BaseException) -> bool:
    """Whether a file did not fit on the disk; safetensors reports that only as text."""
    return any((isinstance(e, OSError) and e.errno in FULL) or "no space left" in str(e).lower() for e in _chain(error))


def unreachable(error: BaseException) -> bool:
    """Whether something could not be fetched from the network."""
    kinds = _kinds(error)
    return bool(kinds & _OFFLINE_KINDS) or any(text in str(e).lower() for e in _chain(error) for text in _OFFLINE_TEXTS)


def cannot_write(error: BaseException) -> str:
    """Why a checkpoint could not be written, in a few words."""
    if disk_is_full(error):
        return "the disk is full"
    return why_unwritable(error) if isinstance(error, OSError) and unwritable(error) else whole_reason(error)


def _offline(error: BaseException, request: TrainRequest) -> str:
    texts = " ".join(str(e) for e in _chain(error))
    if "URLError" in _kinds(error) or "download.pytorch.org" in texts:
        return (
            f"the pretrained backbone of {request.policy} could not be fetched from download.pytorch.org: train from "
            "scratch with --set policy.pretrained_backbone_weights=null (in the form: among other LeRobot keys), or "
            "start once with a network"
        )
    return (
        f"initial weights of {request.policy} could not be fetched from the Hugging Face Hub "
        f"({whole_reason(error)}): start once with a network, or name a local copy of them with --policy or --set"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _kinds(error: BaseException) -> set[str]:
    """The names of its classes, without Python's own (a broken pipe to a loader is a ConnectionError too)."""
    return {kind.__name__ for e in _chain(error) for kind in type(e).__mro__ if kind.__module__ != "builtins"}

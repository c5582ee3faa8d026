"""What LeRobot makes of a training's flags, keys and file, asked before the session begins."""

from __future__ import annotations

import asyncio

import msgspec

from console.exit import complain
from services.live.requests import TrainRequest
from services.refusal import Refusal
from services.training import config_file
from services.training.config_file import ConfigFile
from services.training.owned import owner_of
from services.training.preparation import ConfigRefused, Configured, Preparation, PreparationProblem


def checked(request: TrainRequest) -> None:
    """Ask LeRobot about the request's keys. Raises Refusal if it does not take them.

    Where it cannot be asked the training begins: its trainer checks the keys as well.
    """
    try:
        configured(request, None)
    except PreparationProblem as problem:
        complain(f"note: the keys are checked by the training itself: {problem}")


def configured(request: TrainRequest, file: ConfigFile | None) -> tuple[TrainRequest, str]:
    """(the request with the keys of `file` as its settings, the configuration's text). Raises Refusal.

    The request's own settings count more than the file's.
    """
    try:
        answer = asyncio.run(_ask(request, file))
    except ConfigRefused as refused:
        if file is None or not refused.line:
            raise Refusal(refused.for_the_shell) from refused
        raise config_file.refused(str(file.path), refused.key, refused.line, str(refused)) from refused
    if file is not None and answer.passed_over:
        complain(f"note: of {file.path} the console sets itself, and does not take: {_ours(answer.passed_over)}")
    return msgspec.structs.replace(request, settings=answer.settings), answer.text


async def _ask(request: TrainRequest, file: ConfigFile | None) -> Configured:
    preparation = Preparation()
    try:
        complain("asking LeRobot about the configuration")
        return await preparation.configure(request, file.text if file else None, theirs=file is not None)
    finally:
        await preparation.close()


def _ours(keys: tuple[str, ...]) -> str:
    """Each key, with the flag that sets it."""
    owners = [(key, owner_of(key)) for key in keys]
    return ", ".join(f"{key} ({owner.flags})" if owner and owner.flags else key for key, owner in owners)

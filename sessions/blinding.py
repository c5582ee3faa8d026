"""Blinded evaluations: what may be read of one before it is unblinded, and how it reads afterwards. Pure.

The request in the run's folder names the policies in an order that was drawn; a policy's code is the letter of its
place there. Everything else that the session writes has codes, until an Unblinded event says what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_uppercase

import msgspec

from sessions.before import Before
from sessions.facts import PolicyLoaded, Unblinded
from sessions.models import Measured, Trial
from sessions.requests import AnyRequest, Counted, EvalRequest

CODES = ascii_uppercase
MOST = len(CODES)
"""Policies that have a code."""


def codes(checkpoints: Iterable[str]) -> dict[str, str]:
    """The code of each checkpoint, in the order of their codes."""
    return dict(zip(checkpoints, CODES, strict=False))


def is_code(checkpoint: str) -> bool:
    """Whether this is a blinded policy's code: no checkpoint has a path of one capital letter."""
    return len(checkpoint) == 1 and checkpoint in CODES


def blind(request: AnyRequest | None) -> bool:
    """Whether this request, as a session tells it, has codes in the place of policies."""
    return isinstance(request, EvalRequest) and request.blinded and is_code(request.checkpoint)


def hidden(request: EvalRequest) -> EvalRequest:
    """The request as a session tells it."""
    code = codes(request.checkpoints)
    first, *further = code.values()
    return msgspec.structs.replace(
        request, checkpoint=first, further_checkpoints=tuple(further), trained_in="", further_trained_in=(), weights={},
        server_path="", before=renamed(request.before, code),
        counted_before=recounted(request.counted_before, code),
    )  # fmt: skip


def renamed(before: Before, names: Mapping[str, str]) -> Before:
    """With other names for the policies."""
    tried = (msgspec.structs.replace(t, checkpoint=names.get(t.checkpoint, t.checkpoint)) for t in before.tried)
    return msgspec.structs.replace(before, tried=tuple(tried))


def recounted(counted: Iterable[Counted], names: Mapping[str, str]) -> tuple[Counted, ...]:
    """The same of trials that count."""
    return tuple(msgspec.structs.replace(t, checkpoint=names.get(t.checkpoint, t.checkpoint)) for t in counted)


# -- once it is unblinded ------------------------------------------------------------------------------


def told(
    event: Unblinded,
    request: EvalRequest,
    loaded: Iterable[PolicyLoaded] = (),
    measured: Mapping[int, Measured] | None = None,
) -> Unblinded:
    """The event with all that was hidden of the `request` in the run's folder."""
    return msgspec.structs.replace(
        event, checkpoints=request.checkpoints, trained_in=(request.trained_in, *request.further_trained_in),
        weights=request.weights, server_path=request.server_path, loaded=tuple(loaded), measured=dict(measured or {}),
    )  # fmt: skip


def names(event: Unblinded) -> dict[str, str]:
    """The checkpoint that each code stands for."""
    return {code: checkpoint for checkpoint, code in codes(event.checkpoints).items()}


def revealed(request: AnyRequest, event: Unblinded) -> AnyRequest:
    """The request with the policies."""
    if not isinstance(request, EvalRequest) or not event.checkpoints or not blind(request):
        return request
    first, *further = event.checkpoints
    trained_in = (*event.trained_in, "")
    return msgspec.structs.replace(
        request, checkpoint=first, further_checkpoints=tuple(further), trained_in=trained_in[0],
        further_trained_in=tuple(event.trained_in[1:]), weights=event.weights, server_path=event.server_path,
        before=renamed(request.before, names(event)), counted_before=recounted(request.counted_before, names(event)),
    )  # fmt: skip


def revealed_trials(trials: Iterable[Trial], event: Unblinded) -> tuple[Trial, ...]:
    """The trials with the policies, and all that was measured of them."""
    known = names(event)
    return tuple(
        msgspec.structs.replace(
            t, checkpoint=known.get(t.checkpoint, t.checkpoint), measured=event.measured.get(t.index, t.measured)
        )
        for t in trials
    )


def revealed_policy(policy: PolicyLoaded | None, event: Unblinded) -> PolicyLoaded | None:
    """What was loaded last, as it is."""
    if policy is None:
        return None
    wanted = names(event).get(policy.checkpoint)
    return next((each for each in event.loaded if each.checkpoint == wanted), policy)

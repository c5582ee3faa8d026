"""The episodes that the next trial may be set up like: its condition's, and the last trial under that condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from screens.arm_session.ghost import Proposal
from screens.desk.desk import Desk
from screens.views.signs import clean
from services.evaluation.schedule import schedule_of
from services.ghost.reference import episode_named, paired, paired_earlier
from services.live.requests import EvalRequest
from services.refusal import Refusal


def of_session(desk: Desk) -> Iterator[Proposal]:
    """From the session itself. A condition's likeness that names no episode is left out: its start refuses it."""
    started = desk.snapshot.started
    if started is None or not isinstance(started.request, EvalRequest):
        return
    request = started.request
    wanted = schedule_of(request).following(desk.snapshot.trials).condition
    if wanted is not None and wanted.like:
        with suppress(Refusal):
            yield f"as condition {clean(wanted.name, 30)} says", episode_named(desk.folder, wanted.like)
    last = paired(desk.snapshot.trials, _condition(desk), started.dataset_root)
    if last is not None:
        yield "the paired trial", last


def of_log(desk: Desk) -> Iterator[Proposal]:
    """From earlier sessions; reads disk. Raises LogbookProblem or OSError."""
    started = desk.snapshot.started
    if started is not None:
        last = paired_earlier(desk.folder, _condition(desk), started.id)
        if last is not None:
            yield "the paired trial of an earlier session", last


def camera_names(desk: Desk) -> Mapping[str, str]:
    """The names that the training's datasets have for the bench's cameras, as the operator mapped them."""
    request = desk.snapshot.started.request if desk.snapshot.started else None
    return {own: name for name, own in request.wiring.given.items()} if isinstance(request, EvalRequest) else {}


def _condition(desk: Desk) -> str:
    """What the next trial's condition will be called."""
    request = desk.snapshot.started.request if desk.snapshot.started else None
    if not isinstance(request, EvalRequest):
        return ""
    wanted = schedule_of(request).following(desk.snapshot.trials).condition
    return wanted.name if wanted is not None else request.condition

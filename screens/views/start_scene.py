"""What the next trial begins under: which condition, where the object goes, which policy. Pure: from the snapshot."""

from __future__ import annotations

from screens.views.measured import Part
from screens.views.signs import clean
from services.bench.conditions import PLACE
from services.evaluation.schedule import Slot, schedule_of
from services.live.phases import Phase
from services.live.requests import EvalRequest
from services.live.snapshots import Snapshot
from services.log.trials.results import policy_name, scene, where
from sessions.conditions import Condition

BETWEEN = frozenset({Phase.IDLE, Phase.RESTED, Phase.RESTING, Phase.HELD})
"""Phases in which the scene of the next trial is set."""


def request_of(snapshot: Snapshot) -> EvalRequest | None:
    """What the evaluation was asked for; None for another session."""
    request = snapshot.started.request if snapshot.started else None
    return request if isinstance(request, EvalRequest) else None


def to_come(snapshot: Snapshot) -> Slot | None:
    """The slot of the next trial while its scene is set; None where no trial comes, or one waits for its verdict."""
    request = request_of(snapshot)
    if request is None or snapshot.phase not in BETWEEN or snapshot.pending or snapshot.reached or snapshot.ending:
        return None
    return schedule_of(request).following(snapshot.trials)


def scene_parts(snapshot: Snapshot) -> tuple[Part, ...]:
    """Where the object goes for the next trial, and with which policy where there are several; empty where not said."""
    request, slot = request_of(snapshot), to_come(snapshot)
    if request is None or slot is None:
        return ()
    parts = []
    if slot.condition is not None:
        by_bench = slot.condition.place is not None and request.profile.simulated
        parts.append(_scene(slot.condition, by_bench=by_bench))
    if len(request.checkpoints) > 1:
        parts.append(Part(f"with {clean(policy_name(slot.checkpoint), 40)}", 1))
    return tuple(parts)


def _scene(condition: Condition, *, by_bench: bool) -> Part:
    """`back left: put the object 260 mm ahead, 40 mm left`."""
    name, place = clean(condition.name, 40), condition.place
    if place is None:
        words = clean(scene(condition), 120)
        return Part(f"{name}: {words}" if words else f"condition {name}", short=f"condition {name}", cut=True)
    called = "" if PLACE.fullmatch(condition.name) else f"{name}: "
    lies = f"{'the bench lays' if by_bench else 'put'} the object {where(place)}"
    note = f" ({clean(condition.note, 60)})" if condition.note else ""
    return Part(f"{called}{lies}{note}", short=f"object: {name}", cut=True)

"""Texts on the reset between trials: what the arm does, and the leader's key. Pure: from the snapshot."""

from __future__ import annotations

from screens.views import keys
from screens.views.measured import Part
from screens.views.phase_view import from_outside, press
from screens.views.signs import clean
from services.live.phases import Phase, offered
from services.live.protocol import EndReset, Follow
from services.live.requests import EvalRequest
from services.live.snapshots import Snapshot
from sessions.resets import Reset


def asked(snapshot: Snapshot) -> EvalRequest | None:
    """What the evaluation was asked for; None if this is none."""
    request = snapshot.started.request if snapshot.started else None
    return request if isinstance(request, EvalRequest) else None


def by_leader(snapshot: Snapshot) -> bool:
    """Whether a person resets the arm with the leader."""
    request = asked(snapshot)
    return request is not None and request.reset is Reset.LEADER


def reset_words(snapshot: Snapshot) -> str:
    """`reset: home, by the rest pose`; empty for what is no evaluation."""
    request = asked(snapshot)
    return f"reset: {clean(request.reset_words, 40)}" if request else ""


def on_the_way(snapshot: Snapshot) -> Part:
    """What the arm does after a verdict."""
    request = asked(snapshot)
    if request is None or request.reset is Reset.RETURN:
        return Part("the arm returns to rest")
    return from_outside(snapshot.detail)  # home, or to rest by a key


def offered_lead(snapshot: Snapshot) -> tuple[Part, ...]:
    """What the leader's key does now, where it resets the arm."""
    if snapshot.phase is Phase.RESET and offered(snapshot, EndReset):
        return (press(keys.PAUSE, "holds it there"),)
    return (press(keys.PAUSE, "follows the leader", "follows"),) if offered(snapshot, Follow) else ()

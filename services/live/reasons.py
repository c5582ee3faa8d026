"""The reasons for a session's state, for code: what stopped the arm, what an alarm is about, the step of a phase.

Texts for people are kept separately. The values match older files, which stored texts only.
"""

from __future__ import annotations

from sessions.alarm_source import AlarmSource
from sessions.open_enum import OpenEnum

__all__ = ["STOP_KEYS", "Advice", "AlarmSource", "Step", "StopCause"]


class StopCause(OpenEnum):
    """What stopped the arm."""

    ESC = "Esc key"
    X = "x key"
    KEY = "stop key"
    PAUSED = "paused"
    OPERATOR = "operator"
    HOLD_VERB = "lab-console hold"
    INTERRUPT = "Ctrl-C"
    DRIVER_GONE = "the driving console is gone"
    DEVICE = "a device failed"
    BLOCKED = "the way to rest is blocked"
    STRANDED = "the trial could not begin"
    ENDED = "the session ends"


STOP_KEYS = frozenset({StopCause.ESC, StopCause.X, StopCause.KEY})


class Advice(OpenEnum):
    """What a person can command about an alarm. Only the console knows which keys that takes."""

    NONE = ""
    RESUME = "resume"
    """Follow again when the device is back."""
    REST = "rest"
    """Go to rest when it is back."""
    REST_OR_RELEASE = "rest_or_release"
    REST_AGAIN = "rest_again"
    """Go to rest again, or end the session again."""
    RELEASE_AGAIN = "release_again"
    FINISH = "finish"
    REJECT = "reject"
    """Reject the take, or look closely at the picture."""
    VOID = "void"
    """Void the trial, or look closely at the picture."""
    TRIAL = "trial"
    """Start the trial again, which lets the policy begin where it wants to."""
    REST_THEN_TRIAL = "rest_then_trial"
    KILL_TRAINER = "kill_trainer"
    """Stop the training again, which kills its trainer."""


class Step(OpenEnum):
    """The step within the session's phase, if it has one."""

    NONE = ""
    ENDING = "ending"
    """From here the worker ends by itself: it holds, saves and rests, and takes no decisions from consoles."""
    STOPPING = "stopping"
    """A training was asked to stop: it makes its last step or saves."""

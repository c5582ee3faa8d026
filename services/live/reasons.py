"""The reasons for a session's state, for code: what stopped the arm, what an alarm is about, the step of a phase.

Texts for people are kept separately. The values match older files, which stored texts only.
"""

from __future__ import annotations

from sessions.alarm_source import Advice, AlarmSource
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


class Step(OpenEnum):
    """The step within the session's phase, if it has one."""

    NONE = ""
    ENDING = "ending"
    """From here the worker ends by itself: it holds, saves and rests, and takes no decisions from consoles."""
    STOPPING = "stopping"
    """A training was asked to stop: it makes its last step or saves."""

"""Why a session is as it is: what stopped the arm, what an alarm is about, where in a phase it stands.

Each is for code; words for people stand beside it. Values are those of older files, which had the words only.
"""

from __future__ import annotations

from sessions.open_enum import OpenEnum


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


class AlarmSource(OpenEnum):
    """What an alarm is about: a part of the session, a device, or (any other word) the camera of that name."""

    FOLLOWER = "follower"
    LEADER = "leader"
    OBSERVATION = "observation"
    MOTION = "motion"
    HEAT = "heat"
    REST = "rest"
    POLICY = "policy"
    ORACLE = "oracle"
    DATASET = "dataset"
    MARKS = "marks"
    DISK = "disk"
    TRAINER = "trainer"
    METRICS = "metrics"
    LOSS = "loss"
    CHECKPOINT = "checkpoint"
    LAST = "last"


class Step(OpenEnum):
    """Where in its phase the session stands, where that is more than the phase."""

    NONE = ""
    ENDING = "ending"
    """From here the worker goes on to the end by itself: it holds, saves, rests, and asks nobody."""
    STOPPING = "stopping"
    """A training was asked to stop, and makes its last step or saves."""

"""The reasons for a session's state, for code: what stopped the arm, what an alarm is about, the step of a phase.

Texts for people are kept separately. The values match older files, which stored texts only.
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
    """What an alarm is about: a part of the session, a device, or (any other value) the camera of that name."""

    FOLLOWER = "follower"
    LEADER = "leader"
    OBSERVATION = "observation"
    PORT = "port"
    MOTION = "motion"
    TORQUE = "torque"
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
    """The step within the session's phase, if it has one."""

    NONE = ""
    ENDING = "ending"
    """From here the worker ends by itself: it holds, saves and rests, and takes no decisions from consoles."""
    STOPPING = "stopping"
    """A training was asked to stop: it makes its last step or saves."""

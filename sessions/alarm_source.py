"""What an alarm is about, and what a person can command about it.

Cameras share the names of sources, so no camera may be called like a member.
"""

from __future__ import annotations

from sessions.open_enum import OpenEnum


class AlarmSource(OpenEnum):
    """What an alarm is about: a part of the session, a device, or (any other value) the camera of that name."""

    FOLLOWER = "follower"
    LEADER = "leader"
    OBSERVATION = "observation"
    ANSWERS = "answers"
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
    SPIKE = "loss spike"
    GRADIENT = "gradient norm"
    STALLED = "stalled step"
    SPACE = "disk space"
    CHECKPOINT = "checkpoint"
    LAST = "last"
    TARGET = "target"
    FETCHED = "fetched"


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
    STOP = "stop"
    """Stop the arm."""
    SUPPORT_THEN_STOP = "support_then_stop"
    """Support the arm by hand, then stop it, which gives it torque where it is."""

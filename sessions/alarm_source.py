"""What an alarm is about; cameras share these names, so no camera may be called like a member."""

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
    CHECKPOINT = "checkpoint"
    LAST = "last"

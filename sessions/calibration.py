"""An arm's calibration that does not fit its motors: what was found, and what can be done about it."""

from __future__ import annotations

import msgspec

from sessions.open_enum import OpenEnum


class CalibrationFault(OpenEnum):
    """What is wrong with an arm's calibration file."""

    MISSING = "missing"
    """There is no file for the arm's id."""
    UNREADABLE = "unreadable"
    """The file is torn, or nobody may read it."""
    OTHER_JOINTS = "other_joints"
    """The file is of an arm with other joints."""
    DIFFERS = "differs"
    """The file is whole; the motors' registers hold other values."""


class CalibrationAct(OpenEnum):
    """What makes file and motors agree. The values are words of the command line."""

    NONE = ""
    WRITE_MOTORS = "write-motors"
    """Write the file's values into the motors, as LeRobot does after ENTER."""
    SAVE_FILE = "save-file"
    """Save the motors' values as the file, which does not exist yet."""


class JointCalibration(msgspec.Struct, frozen=True):
    """One motor's calibration, in encoder ticks."""

    homing_offset: int
    range_min: int
    range_max: int


class JointDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A joint whose file and motor disagree. `ticks_per_turn` is the encoder's resolution."""

    joint: str
    file: JointCalibration
    motor: JointCalibration
    ticks_per_turn: int = 4096

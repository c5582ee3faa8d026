"""A calibration that does not fit, for people: what was found, how far file and motors are apart, what can be done."""

from __future__ import annotations

from sessions.calibration import CalibrationAct, CalibrationFault, JointDifference
from sessions.facts import CalibrationRefused, CalibrationWritten

OFFERS = {
    CalibrationAct.WRITE_MOTORS: "write the file into the motors",
    CalibrationAct.SAVE_FILE: "save the motors' calibration as the file",
}
"""What each act would do."""
DONE = {
    CalibrationAct.WRITE_MOTORS: "the calibration was written into the motors, from {file}",
    CalibrationAct.SAVE_FILE: "the motors' calibration was saved, as {file}",
}
PARTS = {"homing_offset": "homing offset", "range_min": "lower end", "range_max": "upper end"}
OFFSET, RANGE = ("homing_offset",), ("range_min", "range_max")
NAMED = 4
"""Joints named in a sentence, the farthest first; `differences` has all."""


def problem(found: CalibrationRefused) -> str:
    """What does not fit, in one sentence that names arm and file."""
    match found.fault:
        case CalibrationFault.MISSING:
            other = f"; its motors hold that of {found.detail}: look at its `id` in lab.toml" if found.detail else ""
            what = f"not calibrated, there is no {found.file}{other}"
        case CalibrationFault.UNREADABLE:
            what = f"its calibration {found.file} cannot be read: {found.detail}"
        case CalibrationFault.OTHER_JOINTS:
            what = f"its calibration {found.file} is of other joints: {found.detail}"
        case CalibrationFault.DIFFERS if not found.differences:  # its make cannot be asked what its motors hold
            what = f"its driver says that it is not calibrated; its file is {found.file}"
        case _:
            far = "; ".join(filter(None, (_far(found, "homing offset", OFFSET), _far(found, "range", RANGE))))
            what = f"its motors hold another calibration than {found.file}{f': {far}' if far else ''}"
    return f"{found.arm}: {what}"


def remedy(found: CalibrationRefused) -> str:
    """What mends it outside of the console: the file moved away, `lerobot-calibrate`."""
    again = f"`{found.command}` calibrates the arm anew"
    if found.fault in (CalibrationFault.UNREADABLE, CalibrationFault.OTHER_JOINTS):
        return f"move that file away and begin again; without it, {again}"
    return f"{the_other_way(found)}; {again}" if the_other_way(found) else again


def the_other_way(found: CalibrationRefused) -> str:
    """How the motors' values come into the file, where the file's can be written into the motors; else empty."""
    if not offer(found) or found.fault is not CalibrationFault.DIFFERS:
        return ""
    return "if the motors are right, move that file away and begin again: theirs can be saved as the file"


def offer(found: CalibrationRefused) -> str:
    """What the console can do about it now; empty if nothing."""
    return "" if found.hindrance else OFFERS.get(found.act, "")


def differences(found: CalibrationRefused) -> list[str]:
    """A line for each joint in which file and motors disagree."""
    return [_difference(each) for each in found.differences]


def _difference(d: JointDifference) -> str:
    parts = [
        f"{name} {mine} in the file, {its} in the motor ({_degrees(d, mine - its):.1f} degrees)"
        for key, name in PARTS.items()
        if (mine := getattr(d.file, key)) != (its := getattr(d.motor, key))
    ]
    return f"{d.joint}: {'; '.join(parts)}"


def _far(found: CalibrationRefused, name: str, parts: tuple[str, ...]) -> str:
    """`homing offset of wrist_flex by 3.5, gripper by 0.6 degrees`; empty where file and motors agree in it."""
    apart = [(max(_degrees(d, getattr(d.file, p) - getattr(d.motor, p)) for p in parts), d) for d in found.differences]
    far = sorted(((degrees, d.joint) for degrees, d in apart if degrees), reverse=True)
    more = f" and {len(far) - NAMED} more" if len(far) > NAMED else ""
    joints = ", ".join(f"{joint} by {degrees:.1f}" for degrees, joint in far[:NAMED])
    return f"{name} of {joints} degrees{more}" if far else ""


def _degrees(d: JointDifference, ticks: int) -> float:
    return abs(ticks) * 360 / d.ticks_per_turn


def done(written: CalibrationWritten) -> str:
    """What was written, in one sentence that names arm and file."""
    what = DONE.get(written.act, "its calibration was mended ({file})").format(file=written.file)
    return f"{written.arm}: {what}"

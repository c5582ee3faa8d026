"""Whether the arm's readings mean what they meant when the data were recorded: units, calibration, pose. Pure.

Without a motion a reading can be compared with a pose that is known by itself: the taught rest pose, in which the arm
lies, and the poses in which the demonstrations begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from services.evaluation.preflight.facts import DEGREES, NORMALISED, Live, Pose, Reference, Setting
from sessions.calibration import JointCalibration
from sessions.preflight import Check, Level, worst

TICKS = 4096
"""Encoder ticks of a turn."""
SHIFT_WARNS, SHIFT_BAD = 2.0, 4.0
"""Degrees by which a new calibration may shift a joint's readings; ends of a range are found by hand."""
GRIP_WARNS, GRIP_BAD = 5.0, 15.0
"""The same for a gripper, in percent of its range."""
NEAR = 12.0
"""Degrees within which every joint must be of a known pose for it to be meant."""
OFFSET, SAG = 3.0, 8.0
"""Degrees by which one joint may be off it, and by which one may sag where it is not known how the limp arm lay."""
LEVEL = ("pan", "roll", "yaw")
"""Joints with these in their names turn about what does not sag."""
GRIP_OFFSET = 6.0
MARGIN, SHARE = 5.0, 0.1
"""How far outside of the data's range a joint may be: degrees, and share of the range."""
MOST_DEGREES = 720.0
"""No joint of an arm goes farther: beyond, readings are an encoder's ticks."""
AGAIN = "put the calibration file back that the data were recorded with, or record anew"


@dataclass(frozen=True)
class _Known:
    """A pose that is known by itself, what it is called, and by how much each joint varies in it."""

    words: str
    pose: Pose
    spread: Pose


def joint_checks(reference: Reference, live: Live) -> list[Check]:
    """Pose, units, calibration, and the offsets of single joints."""
    return [_range(reference, live), _units(reference, live), _calibration(reference, live), _offsets(reference, live)]


# --- the range --------------------------------------------------------------------------------------


def _range(reference: Reference, live: Live) -> Check:
    """Within the joints' ranges in the data, or at a pose of rest, from which a trial brings the arm to its start."""
    name = "pose"
    if not live.pose or not reference.low:
        why = "the arm could not be read" if not live.pose else reference.problem or "the data have no joint positions"
        return Check(name=name, level=Level.UNCHECKED, found=why)
    beyond = dict(_beyond(reference, live))
    if not beyond:
        return Check(name=name, level=Level.GOOD, found="every joint is within its range in the data")
    if rest := next((p.words for p in _rests(reference, live) if _near(p, live)), ""):
        return Check(name=name, level=Level.GOOD, found=f"the arm is at {rest}")
    worst_first = sorted(beyond, key=lambda joint: beyond[joint], reverse=True)
    words = ", ".join(f"{j} at {live.pose[j]:.1f} ({_span(reference, j)} there)" for j in worst_first[:3])
    mends = "bring the arm to rest and look again; if it is there, see to units and calibration"
    return Check(name=name, level=Level.WARNING, found=f"outside of the data: {words}", mends=mends)


def _beyond(reference: Reference, live: Live) -> Iterator[tuple[str, float]]:
    for joint, low in reference.low.items():
        high = reference.high[joint]
        margin = max(MARGIN, SHARE * (high - low))
        if joint not in live.pose:
            continue
        off = max(low - live.pose[joint], live.pose[joint] - high)
        if not off <= margin:  # a reading that is no number, too
            yield joint, off


def _span(reference: Reference, joint: str) -> str:
    return f"{reference.low[joint]:.1f} to {reference.high[joint]:.1f}"


# --- units ------------------------------------------------------------------------------------------


def _units(reference: Reference, live: Live) -> Check:
    name, now = "units", live.setting.units
    then = {setting.units for setting in reference.settings if setting.units}
    mends = "set `use_degrees` of the robot in lab.toml as it was when the data were recorded"
    wide = _wide(reference, live)
    if now and then and now not in then:
        found = f"the data are in {' and '.join(sorted(then))}, the bench reads {now}"
        return Check(name=name, level=Level.BAD, found=found, mends=mends)
    if now == NORMALISED and wide:
        found = f"the bench reads {now}, and the data have {wide} from {_span(reference, wide)}: those are degrees"
        return Check(name=name, level=Level.BAD, found=found, mends=mends)
    if wide and not then and max(abs(reference.low[wide]), abs(reference.high[wide])) > MOST_DEGREES:
        found = f"the data have {wide} from {_span(reference, wide)}: neither degrees nor {NORMALISED}"
        return Check(name=name, level=Level.WARNING, found=found, mends="see what the data's joints are measured in")
    if now and (now in then or (now == DEGREES and wide)):
        return Check(name=name, level=Level.GOOD, found=f"{now}, as in the data")
    found = f"the data do not say theirs; the bench reads {now}" if now else "the robot does not say its units"
    found = reference.problem or found
    return Check(name=name, level=Level.UNCHECKED, found=found)


def _wide(reference: Reference, live: Live) -> str:
    """A joint that goes farther in the data than -100 to 100."""
    ends = ((j, max(abs(reference.low[j]), abs(reference.high[j]))) for j in reference.low if not live.is_gripper(j))
    joint, end = max(ends, key=lambda each: each[1], default=("", 0.0))
    return joint if end > 101 else ""


# --- calibration ------------------------------------------------------------------------------------


def _calibration(reference: Reference, live: Live) -> Check:
    name, now = "calibration", live.setting
    if now.fingerprint and now.fingerprint in {s.fingerprint for s in reference.settings}:
        return Check(name=name, level=Level.GOOD, found=f"the same file as for the data ({now.fingerprint[:8]})")
    known = [setting for setting in reference.settings if setting.joints]
    if now.joints and known:
        return min((_moved(setting, live) for setting in known), key=lambda check: _badness(check.level))
    prints = {s.fingerprint[:8] for s in reference.settings if s.fingerprint}
    if now.fingerprint and prints:
        found = f"another file than for the data: {now.fingerprint[:8]}, not {' or '.join(sorted(prints))}"
        mends = f"{AGAIN}; or see by eye that the rest pose is what it was"
        return Check(name=name, level=Level.WARNING, found=found, mends=mends)
    why = "the data do not say with which" if now.fingerprint or now.joints else "the arm has no calibration file"
    why = reference.problem or why
    return Check(name=name, level=Level.UNCHECKED, found=why)


def _badness(level: Level) -> int:
    return (Level.GOOD, Level.WARNING, Level.BAD).index(level)


def _moved(then: Setting, live: Live) -> Check:
    """By how much the same place of the arm now reads otherwise."""
    findings: list[tuple[Level, float, str]] = []
    for joint, old in then.joints.items():
        new = live.setting.joints.get(joint)
        if new is None:
            continue
        if live.is_gripper(joint):
            ends = _grips(old, new)
            off, warns, is_bad = max(abs(ends[0]), abs(ends[1] - 100)), GRIP_WARNS, GRIP_BAD
            words = f"what was 0 to 100 at {joint} now reads {ends[0]:.0f} to {ends[1]:.0f}"
        else:
            shift = _shift(old, new)
            off, warns, is_bad = abs(shift), SHIFT_WARNS, SHIFT_BAD
            words = f"{joint} reads {shift:+.1f} degrees"
        if off > warns:
            findings.append((Level.BAD if off > is_bad else Level.WARNING, off, words))
    if not findings:
        return Check(
            name="calibration", level=Level.GOOD, found="calibrated anew, and every joint reads as in the data"
        )
    findings.sort(key=lambda each: each[1], reverse=True)
    found = f"other readings than in the data: {', '.join(words for _, _, words in findings[:3])}"
    return Check(name="calibration", level=worst(each[0] for each in findings), found=found, mends=AGAIN)


def _shift(old: JointCalibration, new: JointCalibration) -> float:
    """Degrees that the same place reads more now: zero is the middle of the range (LeRobot's motors_bus.py)."""
    middles = (new.range_min + new.range_max - old.range_min - old.range_max) / 2
    return -(new.homing_offset - old.homing_offset + middles) * 360 / TICKS


def _grips(old: JointCalibration, new: JointCalibration) -> tuple[float, float]:
    """What the old range's two ends read now, in percent."""
    shifted = [end + old.homing_offset - new.homing_offset for end in (old.range_min, old.range_max)]
    size = max(1, new.range_max - new.range_min)
    return 100 * (shifted[0] - new.range_min) / size, 100 * (shifted[1] - new.range_min) / size


# --- single joints ----------------------------------------------------------------------------------


def _offsets(reference: Reference, live: Live) -> Check:
    """At a known pose no joint is off alone."""
    name = "known pose"
    known = [*_rests(reference, live), *_starts(reference)]
    if not known:
        return Check(name=name, level=Level.UNCHECKED, found="no rest pose is taught, and the data have no start pose")
    near = [pose for pose in known if _near(pose, live)]
    if not near:
        found = "the arm is not near its rest pose nor where the demonstrations begin"
        return Check(name=name, level=Level.UNCHECKED, found=found, mends="bring it to rest and look again")
    meant = min(near, key=lambda pose: max(_apart(pose, live).values()))
    off = {joint: by for joint, by in _apart(meant, live, grippers=True).items() if by > _allowed(meant, joint, live)}
    if not off:
        most = max(_apart(meant, live).values())
        return Check(name=name, level=Level.GOOD, found=f"within {most:.1f} degrees of {meant.words}")
    words = ", ".join(f"{j} at {live.pose[j]:.1f}, not {meant.pose[j]:.1f}" for j in sorted(off, key=off.__getitem__))
    mends = "see by eye whether the arm stands otherwise there: if it does not, an offset has changed; calibrate"
    return Check(name=name, level=Level.WARNING, found=f"near {meant.words}, but {words}", mends=mends)


def _rests(reference: Reference, live: Live) -> Iterator[_Known]:
    """The rest poses, as taught when the data were recorded, else now."""
    then = [setting.rest for setting in reference.settings if setting.rest]
    lay = [setting.lay for setting in reference.settings if setting.lay]
    for pose in then or ([live.setting.rest] if live.setting.rest else []):
        sags = {joint: SAG / 3 for joint in pose if not lay and not any(word in joint for word in LEVEL)}
        yield _Known("its rest pose", pose, sags)
    for pose in lay:
        yield _Known("how it lay before the data were recorded", pose, {})


def _starts(reference: Reference) -> Iterator[_Known]:
    """Where the demonstrations begin, if that is one place."""
    if len(reference.starts) < 3:
        return
    values = {joint: [start[joint] for start in reference.starts if joint in start] for joint in reference.starts[0]}
    middle = {joint: median(each) for joint, each in values.items()}
    spread = {joint: median(abs(v - middle[joint]) for v in each) * 1.5 for joint, each in values.items()}
    yield _Known("where the demonstrations begin", middle, spread)


def _apart(known: _Known, live: Live, *, grippers: bool = False) -> dict[str, float]:
    joints = (joint for joint in known.pose if joint in live.pose and (grippers or not live.is_gripper(joint)))
    return {joint: abs(live.pose[joint] - known.pose[joint]) for joint in joints}


def _near(known: _Known, live: Live) -> bool:
    apart = _apart(known, live)
    return bool(apart) and max(apart.values()) < NEAR and median(apart.values()) < OFFSET


def _allowed(known: _Known, joint: str, live: Live) -> float:
    least = GRIP_OFFSET if live.is_gripper(joint) else OFFSET
    return max(least, 3 * known.spread.get(joint, 0.0))

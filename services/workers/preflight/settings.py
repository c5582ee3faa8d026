"""How the follower is read: on this bench now, and in the sessions that recorded the data, as far as logged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from lerobot.motors import MotorNormMode

from services.checkpoints.checkpoint import Provenance
from services.datasets.marks import peek_marks, read_calibrations
from services.evaluation.preflight.facts import DEGREES, NORMALISED, Setting
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import parse
from services.workers.arm.calibration import follower_joints
from services.workers.arm.devices import Devices
from services.workers.arm.parts import buses_of
from sessions.bench import Profile, arm_tables, is_gripper

SESSIONS = 20
"""Sessions that are looked up in the log, at most."""
BEGINNING = 40
"""Lines of a session's events in which it says what it began with."""


def setting_now(devices: Devices, profile: Profile) -> Setting:
    """As the connected devices say."""
    return Setting(
        units=_units_of(devices, profile) or _units_in(profile.robot),
        fingerprint=_follower(devices.bench_connected.calibration),
        joints=follower_joints(devices.robot),
        rest=profile.motion.rest,
    )


def settings_then(root: Path | None, learnt: Collection[int], known: Provenance, folder: DataFolder) -> list[Setting]:
    """Of the sessions that recorded these episodes (all, if none are named) of the dataset at `root`."""
    calibrations = dict(known.calibrations)
    sessions = list(calibrations)
    if root is not None:
        marks = peek_marks(root)
        sessions += [mark.session for number, mark in marks.items() if not learnt or number in learnt]
        calibrations = read_calibrations(root) | calibrations
    return [
        _then(session, calibrations.get(session, {}), folder) for session in list(dict.fromkeys(sessions))[:SESSIONS]
    ]


def _then(session: str, calibration: Mapping[str, str], folder: DataFolder) -> Setting:
    units, rest, joints, lay = "", {}, {}, {}
    for event in _beginning(folder, session):
        if isinstance(event, ev.SessionStarted) and event.profile is not None:
            units, rest = _units_in(event.profile.robot), event.profile.motion.rest
        elif isinstance(event, ev.BenchConnected):
            calibration, joints, lay = event.calibration or calibration, event.joints, event.lay
    return Setting(units=units, fingerprint=_follower(calibration), joints=joints, rest=rest, lay=lay)


def _beginning(folder: DataFolder, session: str) -> Iterator[ev.Event]:
    """What a session's file begins with; nothing if there is none."""
    if not session or Path(session).name != session:
        return
    try:
        with open(folder.runs / session / "events.jsonl", "rb") as file:
            yield from parse(b"".join(islice(file, BEGINNING)))
    except OSError:
        return


def _follower(calibration: Mapping[str, str]) -> str:
    """The fingerprint of the follower, of two arms both."""
    return "+".join(digest for arm, digest in sorted(calibration.items()) if arm.startswith("follower"))


def _units_of(devices: Devices, profile: Profile) -> str:
    """As the motors' buses have it."""
    modes = {
        getattr(motor, "norm_mode", None)
        for bus in buses_of(devices.robot).values()
        for name, motor in (getattr(bus, "motors", None) or {}).items()
        if not is_gripper(name, profile.motion.gripper)
    }
    if modes == {MotorNormMode.DEGREES}:
        return DEGREES
    return NORMALISED if modes == {MotorNormMode.RANGE_M100_100} else ""


def _units_in(robot: Mapping[str, Any]) -> str:
    """As the robot's table in lab.toml says, of robots that have the choice; LeRobot 0.6.1's default is degrees."""
    tables = list(arm_tables(robot).values()) or [robot]
    kind = str(robot.get("type", ""))
    if "so100" not in kind and "so101" not in kind and "so_follower" not in kind:
        return ""
    chosen = {bool(table.get("use_degrees", True)) for table in tables}
    return {frozenset({True}): DEGREES, frozenset({False}): NORMALISED}.get(frozenset(chosen), "")

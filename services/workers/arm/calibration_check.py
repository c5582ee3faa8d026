"""Whether an arm's calibration file fits its motors, and what makes the two agree once the operator wants it.

Where they disagree, LeRobot (0.6.1, robots/so_follower/so_follower.py) asks on standard input, which a worker lacks,
and after ENTER writes the file into the motors, whatever their torque: an arm that holds would jump by the difference.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from lerobot.motors.feetech import FeetechMotorsBus
from lerobot.motors.motors_bus import MotorCalibration, SerialMotorsBus
from lerobot.robots import Robot
from lerobot.teleoperators import Teleoperator
from lerobot.utils.constants import HF_LEROBOT_CALIBRATION

from services.bench.calibration import OFFERS, problem, remedy
from services.error_text import message
from services.workers.arm.calibration import calibrate_command
from services.workers.arm.device_problem import DeviceProblem, reason_of
from services.workers.arm.motors import Motors, Torque
from services.workers.arm.parts import arms_of
from services.workers.arm.serial_bus import dependable
from sessions.bench import arm_name, arm_tables
from sessions.calibration import CalibrationAct, CalibrationFault, JointCalibration, JointDifference
from sessions.facts import CalibrationRefused, CalibrationWritten

MOST_OFFSET = 2047
"""Of a Feetech servo, whose offset has 11 bits and a sign (motors/feetech/tables.py)."""
FULL_TURN = "wrist_roll"
"""The joint whose range LeRobot does not measure: a full turn, as from the factory."""
POWER_CYCLE = "support the arm and switch its power off and on, which takes its torque off"

Calibrations = Mapping[str, MotorCalibration]


class CalibrationProblem(DeviceProblem):
    """Calibrations that do not fit, one for each arm in `found`."""

    def __init__(self, found: tuple[CalibrationRefused, ...], more: str = "") -> None:
        super().__init__("; ".join(f"{problem(each)}; {remedy(each)}" for each in found) + more)
        self.found = found

    def with_more(self, more: str) -> CalibrationProblem:
        """The same, with more to say."""
        return CalibrationProblem(self.found, more)


@dataclass(frozen=True)
class Wishes:
    """What the operator wants done about calibrations, by arm, and who is told what was done."""

    acts: Mapping[str, CalibrationAct] = field(default_factory=dict)
    report: Callable[[CalibrationWritten], object] = lambda _: None
    done: list[str] = field(default_factory=list)
    """The arms whose calibration was changed so far."""


def unreadable_file(error: BaseException, name: str, table: Mapping[str, Any]) -> CalibrationProblem | None:
    """The calibration file that LeRobot was reading when it raised `error`; None if it was doing something else.

    Its error says so in words only; its frame is `_load_calibration` of LeRobot's Robot or Teleoperator.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    arm = next((f.f_locals.get("self") for f in frames if f.f_code.co_name == "_load_calibration"), None)
    if not isinstance(arm, Robot | Teleoperator):
        return None
    locals_of_its_own = (f.f_locals for f in frames if f.f_locals.get("self") is arm)
    config = next((found["config"] for found in locals_of_its_own if "config" in found), None)
    pair = bool(arm_tables(table))
    prefix = next((f"{side}_" for side in ("left", "right") if pair and str(arm.id).endswith(f"_{side}")), "")
    found = CalibrationRefused(
        arm=arm_name(name, prefix),
        fault=CalibrationFault.UNREADABLE,
        file=str(arm.calibration_fpath),
        detail=message(error.__cause__ or error),
        command=calibrate_command(config, arm.id, name, prefix, table),
    )
    return CalibrationProblem((found,))


def make_calibrations_fit(device: Any, name: str, table: Mapping[str, Any], wishes: Wishes) -> None:
    """Do what the operator wants about each arm whose file and motors disagree. `device` is connected.

    Raises CalibrationProblem with the arms that still do not fit, and DeviceProblem where an act failed.
    """
    refused = []
    for prefix, arm in (arms_of(device) or {"": device}).items():
        if arm.is_calibrated:
            continue
        found = _look(device, arm, name, prefix, table)
        if found.hindrance or not found.act or wishes.acts.get(found.arm) is not found.act:
            refused.append(found)
            continue
        _act(arm, found)
        wishes.done.append(found.arm)
        wishes.report(CalibrationWritten(arm=found.arm, act=found.act, file=found.file))
    if refused:
        raise CalibrationProblem(tuple(refused))


# --- what is wrong ---------------------------------------------------------------------------------


def _look(device: Any, arm: Any, name: str, prefix: str, table: Mapping[str, Any]) -> CalibrationRefused:
    bus = getattr(arm, "bus", None)
    registers = bus.read_calibration() if isinstance(bus, SerialMotorsBus) else {}
    facts: dict[str, Any] = {"fault": CalibrationFault.DIFFERS}
    elsewhere = _file_with(arm, registers)
    if not os.path.lexists(arm.calibration_fpath):
        facts = {"fault": CalibrationFault.MISSING, "detail": elsewhere}
        if registers and is_plausible(bus, registers):
            facts["act"] = CalibrationAct.SAVE_FILE
    elif registers and set(arm.calibration) != set(registers):
        facts = {"fault": CalibrationFault.OTHER_JOINTS, "detail": _other_joints(set(arm.calibration), set(registers))}
    elif registers:
        never = _another_arm(arm, elsewhere) or _unfit_values(bus, arm.calibration)
        facts |= {
            "differences": _differences(bus, arm.calibration, registers),
            "act": CalibrationAct.NONE if never else CalibrationAct.WRITE_MOTORS,
            "hindrance": never or torque_hindrance(device, name, prefix),
        }
    return CalibrationRefused(
        arm=arm_name(name, prefix),
        file=str(arm.calibration_fpath),
        command=calibrate_command(getattr(arm, "config", None), arm.id, name, prefix, table),
        **facts,
    )


def _other_joints(file: set[str], motors: set[str]) -> str:
    lacks, extra = ", ".join(sorted(motors - file)), ", ".join(sorted(file - motors))
    return "; ".join(filter(None, (f"it lacks {lacks}" if lacks else "", f"the arm has no {extra}" if extra else "")))


def _differences(bus: Any, file: Calibrations, registers: Calibrations) -> tuple[JointDifference, ...]:
    both = ((motor, _values(file[motor]), _values(own)) for motor, own in registers.items())
    return tuple(
        JointDifference(joint=motor, file=mine, motor=its, ticks_per_turn=_resolution(bus, motor))
        for motor, mine, its in both
        if mine != its
    )


def _file_with(arm: Any, registers: Calibrations) -> str:
    """Another arm's calibration file that the motors' values are from; empty if none is found."""
    own, found = Path(arm.calibration_fpath), {motor: _values(one) for motor, one in registers.items()}
    for path in sorted({*own.parent.glob("*.json"), *HF_LEROBOT_CALIBRATION.glob("*/*/*.json")} - {own}):
        with suppress(OSError, msgspec.DecodeError):
            if found and msgspec.json.decode(path.read_bytes(), type=dict[str, JointCalibration]) == found:
                return str(path)
    return ""


def _another_arm(arm: Any, file: str) -> str:
    """Why the motors' values are not replaced: they are those of another arm, which may be at this port."""
    return f"its motors hold that of {file}; another arm may be at {arm.bus.port}" if file else ""


def _values(one: MotorCalibration) -> JointCalibration:
    return JointCalibration(one.homing_offset, one.range_min, one.range_max)


def _resolution(bus: Any, motor: str) -> int:
    return int(bus.model_resolution_table.get(bus.motors[motor].model, 4096))


def _is_valid(bus: Any, motor: str, one: MotorCalibration) -> bool:
    """Whether a motor can take these values, as far as its make is known here."""
    if not isinstance(bus, FeetechMotorsBus):
        return True
    return 0 <= one.range_min < one.range_max < _resolution(bus, motor) and abs(one.homing_offset) <= MOST_OFFSET


def is_plausible(bus: Any, registers: Calibrations) -> bool:
    """Whether somebody calibrated the motors: their ranges are no longer those of the factory."""
    return all(
        _is_valid(bus, motor, one)
        and (motor == FULL_TURN or (one.range_min, one.range_max) != (0, _resolution(bus, motor) - 1))
        for motor, one in registers.items()
    )


def _unfit_values(bus: Any, file: Calibrations) -> str:
    unfit = [motor for motor, one in file.items() if not _is_valid(bus, motor, one)]
    return f"no motor takes the file's values for {', '.join(unfit)}" if unfit else ""


def torque_hindrance(device: Any, name: str, prefix: str) -> str:
    """Why this arm's calibration cannot be changed now; empty if each of its motors says that its torque is off."""
    motors = Motors(device, name).torque().motors
    torque = Torque({motor: on for motor, on in motors.items() if motor.startswith(prefix)})
    if torque.motors and torque.all_off:
        return ""
    return f"{torque.words}, and what has torque would jump; {POWER_CYCLE}"


# --- what is done about it ---------------------------------------------------------------------------


def _act(arm: Any, found: CalibrationRefused) -> None:
    """Do it and read it back. Raises DeviceProblem."""
    acts = {CalibrationAct.WRITE_MOTORS: _write_motors, CalibrationAct.SAVE_FILE: _save_file}
    try:
        with dependable(arm.bus, found.arm).patient():
            acts[found.act](arm)
            fits = bool(arm.is_calibrated)
    except Exception as error:  # drivers raise what they like
        why = f"could not {OFFERS[found.act]}: {reason_of(error)}"
        raise DeviceProblem(f"{found.arm}: {why}; begin again to see what they hold now") from error
    if not fits:
        raise DeviceProblem(f"{found.arm}: its motors did not keep the calibration of {found.file}; begin again")


def _write_motors(arm: Any) -> None:
    arm.bus.disable_torque()  # it is off; this unlocks the memory that survives a loss of power
    arm.bus.write_calibration(arm.calibration)


def _save_file(arm: Any) -> None:
    """As LeRobot saves it. Raises FileExistsError rather than to replace a file."""
    arm.calibration = arm.bus.read_calibration()
    file = Path(arm.calibration_fpath)
    with file.open("x") as mine:
        try:
            arm._save_calibration()
            os.fsync(mine.fileno())
            arm._load_calibration()
        except BaseException:
            file.unlink()
            raise
    arm.bus.calibration = arm.calibration

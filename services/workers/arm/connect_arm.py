"""Connecting an arm without a jump: settings, then calibration, then everything else, and torque last.

LeRobot's `configure()` (0.6.1, robots/so_follower/so_follower.py) runs inside `torque_disabled()`
(motors/motors_bus.py): it would drop an arm that an earlier worker left holding, and at its end, even where it failed,
enables torque without a goal, so that servos jump to the one they had before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from lerobot.motors.motors_bus import SerialMotorsBus

from services.bench.device_locks import DeviceLocks
from services.workers.arm.calibration_check import CalibrationProblem, Wishes, make_calibrations_fit
from services.workers.arm.device_problem import DeviceProblem, sentence
from services.workers.arm.motors import Motors, Torque
from services.workers.arm.parts import arms_of, buses_of
from services.workers.arm.serial_bus import dependable
from sessions.bench import arm_name

CONNECTS = 3
"""How often a whole connect is tried; each packet of it is retried by itself."""
PAUSE_S = 0.1

logger = logging.getLogger(__name__)


NO_WISHES = Wishes()


def connect_arm(
    device: Any,
    name: str,
    table: Mapping[str, Any],
    locks: DeviceLocks | None = None,
    wishes: Wishes = NO_WISHES,
) -> None:
    """Connect without LeRobot's calibration prompt; servos' torque stays as it is. `locks` hold its ports.

    `wishes` is what to do about a calibration that does not fit. Raises DeviceProblem, with the ports closed again.
    """
    serial = {p: bus for p, bus in buses_of(device).items() if isinstance(bus, SerialMotorsBus)}
    for prefix, bus in serial.items():
        dependable(bus, arm_name(name, prefix)).locks = locks
    buses = list(serial.values())
    for tries_left in reversed(range(CONNECTS)):
        try:
            with _patient(buses, name):
                device.connect(calibrate=False)
                fits = bool(device.is_calibrated)
            break
        except DeviceProblem:  # the console's own: trying again changes nothing
            close_ports(device)
            raise
        except Exception as error:  # drivers raise what they like
            torque = Motors(device, name).torque() if buses and all(bus.is_connected for bus in buses) else None
            close_ports(device)
            if not tries_left:
                raise DeviceProblem(_failed(device, name, error, table) + _as_found(name, torque)) from error
            logger.warning("%s: connecting failed, trying again: %s", name, error)
            time.sleep(PAUSE_S)
    if not fits:
        _make_fit(device, name, table, wishes)


def _make_fit(device: Any, name: str, table: Mapping[str, Any], wishes: Wishes) -> None:
    try:
        with _patient([bus for bus in buses_of(device).values() if isinstance(bus, SerialMotorsBus)], name):
            make_calibrations_fit(device, name, table, wishes)
    except Exception as error:  # drivers raise what they like
        as_it_is = _as_found(name, Motors(device, name).torque(), wishes)
        close_ports(device)
        if isinstance(error, CalibrationProblem):
            raise error.with_more(as_it_is) from error
        raise DeviceProblem(_failed(device, name, error, table) + as_it_is) from error


def _failed(device: Any, name: str, error: Exception, table: Mapping[str, Any]) -> str:
    """Which of the device's arms failed, and why: LeRobot connects one after the other."""
    ports = {prefix: str(getattr(bus, "port", "")) for prefix, bus in buses_of(device).items()}
    named = next((prefix for prefix, port in ports.items() if port and f"'{port}'" in str(error)), "")
    return sentence(arm_name(name, named), error, ports.get(named) or str(table.get("port", "")))


def leave_torque_alone(robot: Any) -> None:
    """Let `connect` write settings to a limp arm only, and switch no torque."""
    for part in arms_of(robot).values():
        if isinstance(part.bus, SerialMotorsBus):
            part.configure = _configure_limp(part)


def _configure_limp(part: Any) -> Any:
    bus, configure = part.bus, part.configure

    def configure_limp() -> None:
        if any(bus.sync_read("Torque_Enable").values()):
            return  # it may bear a load; where one servo let go, the others do
        bus.enable_torque = lambda *_, **__: None
        try:
            configure()
        finally:
            del bus.enable_torque

    return configure_limp


def take_hold(robot: Any) -> None:
    """Torque on where it is off, goal := measured first; the goals of motors with torque are left alone.

    Raises DeviceProblem where an arm that was limp cannot hold; it is limp again then. An arm that held in part goes
    on doing so: its session says what is limp.
    """
    motors = Motors(robot)
    if not motors.one_by_one:
        return
    found = motors.torque()
    limp = found.named(False) + found.named(None)
    if not limp or (torque := motors.grip(limp)).all_on or found.named(True):
        return
    motors.switch_off()
    names = " and ".join(torque.named(False) + torque.named(None))
    raise DeviceProblem(f"follower: torque did not come on at {names}")


def as_found(robot: Any, wishes: Wishes = NO_WISHES) -> str:
    """What to add to a problem: what was done to the follower, and whether it holds."""
    return _as_found("follower", Motors(robot).torque(), wishes)


def _as_found(name: str, torque: Torque | None, wishes: Wishes = NO_WISHES) -> str:
    if torque is None or not torque.motors or name != "follower":
        return ""
    if any(arm.startswith(name) for arm in wishes.done):
        return f". The follower's calibration was changed; {torque.words}"
    return f". The follower is as it was found: {torque.words}"


@contextmanager
def _patient(buses: list[Any], name: str) -> Iterator[None]:
    with ExitStack() as stack:
        for bus in buses:
            stack.enter_context(dependable(bus, name).patient())
        yield


def close_ports(device: Any) -> None:
    """Close what a failed connect opened, and switch nothing. Never raises."""
    parts = arms_of(device)
    for part in parts.values():
        with suppress(Exception):
            if isinstance(part.bus, SerialMotorsBus):
                part.bus.port_handler.closePort()
            else:
                part.disconnect()
    if not parts:
        with suppress(Exception):
            device.disconnect()

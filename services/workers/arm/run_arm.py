"""Runs a session with an arm: locks, connects, runs the control loop, disconnects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from services.bench.device_locks import DeviceBusy, DeviceLocks, device_keys
from services.datasets.lock import DatasetProblem
from services.live import events as ev
from services.live.requests import ArmRequest
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End
from sessions.bench import SIM_PORT, Profile, without_cameras
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from lerobot.robots import Robot

    from services.workers.arm.devices import Devices
    from services.workers.arm.motors import Torque
    from services.workers.arm.strategy import Strategy


Make = Callable[["Context", "Devices"], "Strategy"]


def run_armed(
    context: Context,
    request: ArmRequest,
    *,
    load: Callable[[], Make],
    arm_only: bool = False,
    leader: bool = True,
    check: Callable[[Robot], None] | None = None,
    fits: Callable[[Devices], None] | None = None,
) -> End:
    """Lock, load, connect, run, disconnect. Torque is cut at the end only if the arm is at rest or limp.

    With `arm_only` only the follower is locked and connected; without `leader`, follower and cameras. `load`
    imports what the strategy needs, before the arm is connected, and returns a function that makes it; `check` raises
    DatasetProblem for a robot that does not fit, before it is connected, and `fits` for one with its cameras, before an
    arm is connected. Raises CannotStart if a device is held by another session or cannot be used.
    """
    with ExitStack() as stack:
        locks = _lock(context, request, stack, arm_only=arm_only, leader=leader and not arm_only)
        context.progress("loading LeRobot")
        from services.workers.arm import control_loop  # noqa: F401, loaded before an arm is connected
        from services.workers.arm import devices as dev  # imports torch and LeRobot, so only after the locks

        make = load()
        profile, person = request.profile, None
        if profile.simulated:
            profile, person = _prepare_simulation(context, request)
        devices = _connect(
            partial(dev.connect, profile, arm_only=arm_only, leader=leader, check=check, locks=locks, fits=fits),
            context,
            request,
        )
        devices.person = person
        context.journal.emit(devices.bench_connected)
        return _run(context, request, profile, devices, make)


def run_hands_off(
    context: Context,
    request: ArmRequest,
    *,
    look: Callable[[Devices], End],
    fits: Callable[[Devices], None] | None = None,
) -> End:
    """Lock, connect follower and cameras, look, disconnect. Nothing is written to a motor: torque stays as it is.

    `fits` is as in `run_armed`. Raises CannotStart if a device is held by another session or cannot be used.
    """
    with ExitStack() as stack:
        locks = _lock(context, request, stack, arm_only=False, leader=False)
        context.progress("loading LeRobot")
        from services.workers.arm import devices as dev
        from services.workers.arm.motion import near_rest

        profile = request.profile
        if profile.simulated:
            profile, _ = _prepare_simulation(context, request)
        connect = partial(dev.connect, profile, arm_only=False, leader=False, locks=locks, fits=fits, hands_off=True)
        devices = _connect(connect, context, request)
        context.journal.emit(devices.bench_connected)
        try:
            status, reason = look(devices)
        finally:
            at_rest = near_rest(dev.positions(devices.robot), profile.motion)
            torque = dev.disconnect(devices, cut_torque=False)
            context.journal.emit(ev.ArmLeft(torque=_one(torque), at_rest=at_rest))
        return _end(status, reason, torque, cut=False)


def _connect(connect: Callable[..., Devices], context: Context, request: ArmRequest) -> Devices:
    """The devices. Raises CannotStart, after reporting the calibrations that kept them from being connected."""
    from services.workers.arm.calibration_check import CalibrationProblem, Wishes
    from services.workers.arm.device_problem import DeviceProblem

    try:
        return connect(progress=context.progress, wishes=Wishes(request.calibration, context.journal.emit))
    except (DeviceProblem, DatasetProblem) as problem:
        for found in problem.found if isinstance(problem, CalibrationProblem) else ():
            context.journal.emit(found)
        raise CannotStart(str(problem)) from problem


def _run(context: Context, request: ArmRequest, profile: Profile, devices: Devices, make: Make) -> End:
    """Run the control loop to its end, then disconnect and report how the arm was left."""
    from services.workers.arm import devices as dev
    from services.workers.arm.control_loop import ControlLoop

    loop = None
    try:
        strategy = make(context, devices)
        loop = ControlLoop(context, devices, profile, strategy, fps=request.fps, lockstep=request.lockstep)
        loop.context.monitor.watch_disk(request.data_dir)
        loop.run()
    except CannotStart as problem:  # the arm is connected: it has torque now, if it had none before
        raise CannotStart(f"{problem}; {dev.torque_of(devices)}") from problem
    finally:
        cut = loop is not None and loop.may_cut_torque
        torque = dev.disconnect(devices, cut_torque=cut)
        context.journal.emit(ev.ArmLeft(torque=_one(torque), at_rest=loop is not None and loop.near_rest))
    return _end(*loop.outcome, torque, cut=cut)


def _one(torque: Torque) -> bool | None:
    """On or off where all motors said the same; else None."""
    return None if not torque.motors or not (torque.all_on or torque.all_off) else torque.all_on


def _end(status: SessionStatus, reason: str, torque: Torque, *, cut: bool) -> End:
    """The outcome, with the torque that the motors last reported if the arm was not made limp as planned."""
    if cut and torque.motors and not torque.all_off:
        return SessionStatus.ABORTED, f"{reason}; torque could not be cut: {torque.words}"
    return status, reason if cut else f"{reason}; {torque.words}"


def _lock(context: Context, request: ArmRequest, stack: ExitStack, *, arm_only: bool, leader: bool) -> DeviceLocks:
    profile = request.profile
    robot = without_cameras(profile.robot) if arm_only else profile.robot
    keys = device_keys(robot, profile.teleop if leader else {}, Path(request.data_dir))
    holder = {"session": context.run.id, "bench": profile.name, "operator": request.operator}
    try:
        locks = DeviceLocks(keys, holder)
    except DeviceBusy as busy:
        raise CannotStart(str(busy)) from busy
    stack.callback(locks.close)
    return locks


def _prepare_simulation(context: Context, request: ArmRequest) -> tuple[Profile, Any]:
    """Start the bench, or set it up again; the profile with its ports, and its person where drivers are LeRobot's."""
    context.progress("starting the simulated bench")
    from services.sim import bench as simulated

    profile, data_dir = request.profile, Path(request.data_dir)
    settings = dict(profile.sim or {})
    seed = getattr(request, "seed", None)
    if seed is not None:
        settings["seed"] = seed
    try:
        how: dict[str, Any] = {"lockstep": request.lockstep, "fps": request.fps, "servos": profile.emulated}
        simulated.prepare(data_dir, settings, **how, robot=profile.robot)
    except (ValueError, OSError) as error:
        raise CannotStart(f"the simulated bench: {error}") from error
    profile = msgspec.structs.replace(profile, robot=simulated.with_its_views(data_dir, profile.robot))
    if not profile.emulated:
        return profile, None
    tables = {"robot": ("follower", profile.robot), "teleop": ("leader", profile.teleop)}
    placed = {
        key: simulated.at_its_port(data_dir, arm, table)
        for key, (arm, table) in tables.items()
        if table.get("port") == SIM_PORT
    }
    return msgspec.structs.replace(profile, **placed), simulated.Person()

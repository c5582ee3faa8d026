"""The worker's entry point to the simulated bench: call `prepare`, then create devices as for hardware."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from services.sim import settings as sim_settings
from services.sim.client import World, WorldClient
from services.sim.launch import ensure_world
from services.sim.lockstep import LockstepWorld
from services.sim.place import place_of
from services.sim.plant import Plant
from services.sim.servo_arms import CALIBRATION
from services.sim.shared import HEIGHT, WIDTH
from services.sim.streams import QUICK
from services.sim.wire import WorldState
from sessions.bench import CAMERAS, SIM_VIEW

_chosen: list[LockstepWorld | Path] = []
"""The prepared bench, one at most."""


def prepare(
    data_dir: Path,
    settings: Mapping[str, Any],
    *,
    lockstep: bool,
    fps: int,
    servos: bool = False,
    robot: Mapping[str, Any] | None = None,
) -> None:
    """Register the devices with LeRobot and make the bench of `data_dir` available.

    In real time this starts the world process unless one runs; a running world keeps its pose, goals and
    torque and applies the settings; with `servos`, LeRobot's own drivers find the arms where `at_its_port` says, and
    its OpenCVCamera the views that cameras of `robot` (LeRobot's table) name. In lockstep it makes a new bench in this
    process.
    Raises SettingsProblem (with key and reason), ValueError for a camera that cannot be, and ConnectionError (with the
    reason why the world did not start).
    """
    decoded = sim_settings.decode(settings)
    importlib.import_module("services.sim.config_devices")
    if lockstep:
        _chosen[:] = [LockstepWorld(decoded, fps)]
        return
    streams = {view: (int(t.get("width", WIDTH)), int(t.get("height", HEIGHT))) for view, t in _views(robot or {})}
    if streams:
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", QUICK)
    try:
        _apply(data_dir, settings, fps, servos, streams)
    except ConnectionError:  # the world was just exiting: start another one
        _apply(data_dir, settings, fps, servos, streams)
    _chosen[:] = [data_dir.resolve()]


def _apply(
    data_dir: Path, settings: Mapping[str, Any], fps: int, servos: bool, streams: dict[str, tuple[int, int]]
) -> None:
    with ensure_world(data_dir) as world:
        world.apply(settings, fps, servos=servos, streams=streams)


def at_its_port(data_dir: Path, arm: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """LeRobot's table of a `follower` or `leader` with the port and the calibration that the prepared bench has."""
    servos = place_of(data_dir).servos
    return {**table, "id": arm, "port": str(servos / arm), "calibration_dir": str(servos / CALIBRATION)}


def with_its_views(data_dir: Path, robot: Mapping[str, Any]) -> dict[str, Any]:
    """LeRobot's table of a robot with the files of the prepared bench in place of `sim:VIEW`.

    A camera's size and rate are those of its file: LeRobot's OpenCVCamera refuses what a file cannot set.
    """
    cameras = dict(robot.get(CAMERAS) or {})
    for name, table in cameras.items():
        if view := _view(table):
            kept = {key: value for key, value in table.items() if key not in ("width", "height", "fps")}
            cameras[name] = {**kept, "index_or_path": str(place_of(data_dir).cameras / view)}
    return {**robot, CAMERAS: cameras} if cameras else dict(robot)


def _views(robot: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Each view of the bench that a camera of the robot reads from a file, and the camera's table."""
    return [(view, table) for table in (robot.get(CAMERAS) or {}).values() if (view := _view(table))]


def _view(table: Mapping[str, Any]) -> str:
    place = str(table.get("index_or_path", ""))
    return place.removeprefix(SIM_VIEW) if place.startswith(SIM_VIEW) else ""


class Person:
    """The scripted person of the prepared bench, who is told of takes where the devices are LeRobot's own."""

    def take_started(self, take: int) -> None:
        """Take `take` (from 1) has begun."""
        with closing(open_world()) as world:
            world.take_started(take)

    def take_ended(self, take: int) -> None:
        """The take has ended."""
        with closing(open_world()) as world:
            world.take_ended(take)


def open_world() -> World:
    """A connection to the prepared bench. Raises ConnectionError before `prepare` or if the bench is gone."""
    if not _chosen:
        raise ConnectionError("no simulated bench was prepared; call services.sim.bench.prepare first")
    chosen = _chosen[0]
    return chosen if isinstance(chosen, LockstepWorld) else WorldClient(chosen)


def oracle() -> WorldState:
    """The prepared bench's state, including `cube_in_bowl`; configured faults do not affect it."""
    world = open_world()
    try:
        return world.state()
    finally:
        world.close()


def current_plant() -> Plant:
    """The physics of a lockstep bench. Raises RuntimeError in real time."""
    chosen = _chosen[0] if _chosen else None
    if not isinstance(chosen, LockstepWorld):
        raise RuntimeError("the physics is in this process only in lockstep")
    return chosen.stage.plant

"""Checks of the tables of robot, leader and cameras in lab.toml: ports, names, views. Each raises ValueError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.bench.camera_names import check_camera_name, check_observed_name
from services.text import clean
from sessions.bench import CAMERAS, SIM_PORT, SIM_VIEW, CameraPlace


def check_port(key: str, port: object, *, simulated: bool) -> None:
    """Raises ValueError for a port of the simulated bench that is misspelt, or whose bench is none."""
    if port == SIM_PORT and not simulated:
        raise ValueError(f'{key} = "{SIM_PORT}" is the simulated bench\'s, which needs a table [bench.NAME.sim]')
    if simulated and isinstance(port, str) and port != SIM_PORT and "/" not in port:
        raise ValueError(
            f'{key}: {clean(port)!r} is no port; write "{SIM_PORT}" for the simulated bench\'s or the path of a serial '
            "device, such as /dev/ttyACM0"
        )


def check_cameras(where: str, cameras: object) -> None:
    """Raises ValueError for cameras that are no tables, or whose names no dataset can have."""
    if not isinstance(cameras, Mapping) or not all(isinstance(c, Mapping) for c in cameras.values()):
        raise ValueError(f"{where}.{CAMERAS} must be a table of cameras, each a table of LeRobot's keys")
    for name in cameras:
        try:
            check_camera_name(name)
        except ValueError as error:
            raise ValueError(f'{where}.{CAMERAS}."{clean(name)}": {error}') from error


def check_observed(place: CameraPlace) -> None:
    """Raises ValueError for a camera that the robot's observations call like something else."""
    for picture in place.pictures or [place.name]:
        try:
            check_observed_name(picture)
        except ValueError as error:
            raise ValueError(f"{'.'.join(('robot', *place.keys))}: {error}") from error


def check_view(place: CameraPlace, *, simulated: bool) -> None:
    """Raises ValueError for a view of the simulated bench on a bench that is none."""
    path = place.table.get("index_or_path")
    if isinstance(path, str) and path.startswith(SIM_VIEW) and not simulated:
        key = ".".join(("robot", *place.keys, "index_or_path"))
        view = f'{key} = "{clean(path)}" is a view of the simulated bench'
        raise ValueError(f"{view}, which needs a table [bench.NAME.sim]")


def check_unlike_pictures(places: Sequence[CameraPlace]) -> None:
    """Raises ValueError if pictures of two cameras have one name in the robot's observations."""
    known: dict[str, CameraPlace] = {}
    for place, name in [(each, name) for each in places for name in each.pictures]:
        if name in known:
            first, second = (".".join(("robot", *p.keys)) for p in (known[name], place))
            raise ValueError(f"{first} and {second} both give a picture called {name} in the robot's observations")
        known[name] = place

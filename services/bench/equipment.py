"""The devices of a bench and whether they are present, without opening any."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

from services.bench.profiles import Profile
from services.bench.usb_cameras import camera_warnings
from services.folders import DataFolder
from services.text import clean
from sessions.bench import arm_prefix, arm_tables

BYTES_PER_PIXEL = 0.06
"""Rough size of ultrafast h264 per pixel of a lab scene; good enough to estimate the hours that the disk lasts."""


@dataclass(frozen=True)
class Part:
    """One device of the bench, or one arm of a device of two. `present` is None if unknown without opening it.

    `prefix` is that of the arm's motors (`left_`), empty for a device of one arm.
    """

    name: str
    type: str
    where: str
    present: bool | None = None
    camera: bool = False
    prefix: str = ""


@dataclass(frozen=True)
class Equipment:
    """The bench as configured, the free bytes of the disk, and the bytes per second that its cameras record."""

    parts: tuple[Part, ...] = ()
    disk_free: int = 0
    bytes_per_second: float = 0.0
    warnings: tuple[str, ...] = ()
    """A sentence for each camera in a slow port, or that cannot be told from another one."""


def inspect(profile: Profile, folder: DataFolder) -> Equipment:
    """Check which device files exist, and the disk. Reads disk, so not on the event loop."""
    parts = [*_arms("follower", profile.robot), *(_arms("leader", profile.teleop) if profile.teleop else ())]
    parts += [_part(name, config, camera=True) for name, config in profile.cameras.items()]
    rate = sum(_camera_rate(config) for config in profile.cameras.values())
    return Equipment(tuple(parts), _free(folder), rate, camera_warnings(profile.cameras))


def _free(folder: DataFolder) -> int:
    try:
        return shutil.disk_usage(folder.root).free
    except OSError:
        return 0


def _arms(name: str, config: dict[str, Any]) -> list[Part]:
    """The device, or each of its arms with its own port."""
    arms = arm_tables(config)
    if not arms:
        return [_part(name, config)]
    return [_part(name, {"type": config.get("type", ""), **arm}, prefix=arm_prefix(key)) for key, arm in arms.items()]


def _part(name: str, config: dict[str, Any], *, camera: bool = False, prefix: str = "") -> Part:
    where = next(
        (str(config[k]) for k in ("port", "index_or_path", "serial_number_or_name", "view") if k in config), ""
    )
    if not where:
        where = str(config.get("id", ""))
    present = os.path.exists(where) if where.startswith("/dev/") else None
    shape = f" {config['width']}x{config['height']}" if camera and "width" in config and "height" in config else ""
    return Part(clean(name), clean(str(config.get("type", ""))) + shape, clean(where), present, camera, prefix)


def _camera_rate(config: dict[str, Any]) -> float:
    numbers = [config.get(key) for key in ("width", "height", "fps")]
    width, height, fps = (n if isinstance(n, int | float) else d for n, d in zip(numbers, (640, 480, 30), strict=True))
    return float(width * height * fps * BYTES_PER_PIXEL)

"""What Bench tells of the bench: robot, leader, cameras, disk, rest. Looked up in a thread, drawn as lines."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from screens.words import clean, fit, plural, signs
from services.bench import Profile
from services.folders import DataFolder
from services.units import size
from services.wire import Telemetry

BYTES_PER_PIXEL = 0.06
"""What ultrafast h264 needs per pixel of a lab scene, roughly; enough to say hours."""
LITTLE = 2_000_000_000
"""Bytes: not much more than a checkpoint of a large policy."""


@dataclass(frozen=True)
class Part:
    """One device of the bench. `present` is None where nothing can be known without opening it."""

    name: str
    type: str
    where: str
    present: bool | None = None
    camera: bool = False


@dataclass(frozen=True)
class Equipment:
    """The bench as it is configured, and what the disk says."""

    parts: tuple[Part, ...] = ()
    disk_free: int = 0
    bytes_per_second: float = 0.0


def look(profile: Profile, folder: DataFolder) -> Equipment:
    """Whether device files are there, and the disk. Reads disk: not on the event loop."""
    parts = [_part("follower", profile.robot)]
    if profile.teleop:
        parts.append(_part("leader", profile.teleop))
    parts += [_part(name, config, camera=True) for name, config in profile.cameras.items()]
    rate = sum(_camera_rate(config) for config in profile.cameras.values())
    return Equipment(tuple(parts), _free(folder), rate)


def _free(folder: DataFolder) -> int:
    try:
        return shutil.disk_usage(folder.root).free
    except OSError:
        return 0


def _part(name: str, config: dict[str, Any], *, camera: bool = False) -> Part:
    where = next(
        (str(config[k]) for k in ("port", "index_or_path", "serial_number_or_name", "view") if k in config), ""
    )
    if not where:
        where = str(config.get("id", ""))
    present = os.path.exists(where) if where.startswith("/dev/") else None
    shape = f" {config['width']}x{config['height']}" if camera and "width" in config and "height" in config else ""
    return Part(clean(name), clean(config.get("type", "")) + shape, clean(where), present, camera)


def _camera_rate(config: dict[str, Any]) -> float:
    numbers = [config.get(key) for key in ("width", "height", "fps")]
    width, height, fps = (n if isinstance(n, int | float) else d for n, d in zip(numbers, (640, 480, 30), strict=True))
    return float(width * height * fps * BYTES_PER_PIXEL)


def part_line(part: Part, telemetry: Telemetry | None, width: int, *, led: bool = True) -> Content:
    """Name, type, place and state, in columns. `led`: the sitting uses the leader."""
    state, tone = _state(part, telemetry)
    if telemetry is not None and part.name == "leader" and not led:
        state, tone = f"{signs().void} not needed", "$quiet"
    kind = min(24, max(14, width // 3 + 2))
    place = max(0, width - 11 - kind - len(state) - 2)
    where = part.where if place >= 6 else ""
    name, kind_of = fit(part.name, 10) + " ", fit(part.type, kind - 1) + " "
    return Content.assemble((name, "bold"), kind_of, (fit(where, place), "$quiet"), "  ", (state, tone))


def _state(part: Part, telemetry: Telemetry | None) -> tuple[str, str]:
    s = signs()
    if telemetry is None:
        if part.present is None:
            return f"{s.void} configured", "$quiet"
        return (f"{s.yes} present", "$success") if part.present else (f"{s.no} missing", "bold $error")
    if part.camera:
        view = telemetry.cameras.get(part.name)
        if view is None:
            return f"{s.void} no picture", "$warning"
        good = view.state == "lit"
        return (
            f"{s.yes if good else s.warning} {clean(view.state)} {view.fps:4.1f} fps",
            "$success" if good else "bold $error",
        )
    joints = telemetry.joints if part.name == "follower" else telemetry.leader
    if not joints:
        return f"{s.no} no answer", "bold $error"
    torque = "" if part.name != "follower" else ", torque on" if telemetry.torque else ", torque off"
    return f"{s.yes} {plural(len(joints), 'joint')}{torque}", "$success"


def _runs_out(equipment: Equipment) -> bool:
    """Whether it is less than an hour of recording, or, where nothing is filmed, little."""
    if equipment.bytes_per_second:
        return equipment.disk_free < 3600 * equipment.bytes_per_second
    return equipment.disk_free < LITTLE


def other_lines(profile: Profile, equipment: Equipment, others: list[str]) -> list[Content]:
    """Disk, rest pose, the other benches."""
    hours = equipment.disk_free / equipment.bytes_per_second / 3600 if equipment.bytes_per_second else 0
    room = f"{size(equipment.disk_free)} free"
    if hours:
        room += f" {signs().about} {hours:.0f} h of recording"
    if profile.motion.rest:
        rest = (f"{signs().yes} taught, {plural(len(profile.motion.waypoints), 'way-point')}", "$success")
    else:
        rest = (f"{signs().warning} not taught: lab-console rest --teach", "$warning")
    lines = [
        Content.assemble((fit("disk", 11), "bold"), (room, "bold $error" if _runs_out(equipment) else "")),
        Content.assemble((fit("rest", 11), "bold"), rest),
    ]
    if others:
        names = ", ".join(clean(name) for name in others)
        lines.append(Content.assemble((fit("benches", 11), "bold"), (f"{names}  b changes", "$quiet")))
    return lines

"""The equipment of a bench as lines: robot, leader, cameras, disk, rest. Read in a thread elsewhere. Pure."""

from __future__ import annotations

from textwrap import wrap

from textual.content import Content

from screens.views import keys
from screens.views.signs import clean, fit, fit_end, signs
from services.bench.equipment import Equipment, Part
from services.bench.profiles import Profile
from services.health.checks import LIT
from services.live.protocol import Telemetry
from services.units import plural, size
from sessions.bench import arm_name

LOW_DISK = 2_000_000_000
"""Bytes: little more than a checkpoint of a large policy."""
NOISE = 0.01
"""Share of an arm's questions that were asked again, below which it is not worth a word."""


def part_line(part: Part, telemetry: Telemetry | None, width: int, *, needed: bool = True) -> Content:
    """Name, type, location and state, in columns. `needed`: the session connects the part."""
    state, tone = _state(part, telemetry)
    if telemetry is not None and not needed:
        state, tone = f"{signs().void} not needed", "$quiet"
    kind = min(24, max(14, width // 3 + 2))
    place = max(0, width - 11 - kind - len(state) - 2)
    where = part.where if place >= 6 else ""
    name, kind_of = fit(_name(part), 10) + " ", fit(part.type, kind - 1) + " "
    return Content.assemble((name, "bold"), kind_of, (fit_end(where, place), "$quiet"), "  ", (state, tone))


def _name(part: Part) -> str:
    """`follower`; of a device of two arms `follower L`, which fits where `left follower` would be cut."""
    return f"{part.name} {part.prefix[0].upper()}" if part.prefix else part.name


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
        good = view.state == LIT
        return (
            f"{s.yes if good else s.warning} {clean(view.state)} {view.fps:4.1f} fps",
            "$success" if good else "bold $error",
        )
    every = telemetry.joints if part.name == "follower" else telemetry.leader
    joints = [name for name in every if name.startswith(part.prefix)]
    if not joints:
        return f"{s.no} no answer", "bold $error"
    torque = "" if part.name != "follower" else ", torque on" if telemetry.torque else ", torque off"
    state = f"{plural(len(joints), 'joint')}{torque}"
    wire = telemetry.wires.get(arm_name(part.name, part.prefix))
    if wire is not None and wire.lately >= NOISE:
        return f"{s.warning} {state}, {100 * wire.lately:.0f} % retried", "$warning"
    return f"{s.yes} {state}", "$success"


def retried_lines(telemetry: Telemetry) -> list[Content]:
    """`retried follower 14 · leader 2`: how often the arms were asked again for an answer; no line before the first."""
    counts = [f"{clean(arm)} {wire.retried}" for arm, wire in telemetry.wires.items() if wire.retried]
    return [Content(f"retried {f' {signs().dot} '.join(counts)}")] if counts else []


def _is_low_on_disk(equipment: Equipment) -> bool:
    """Whether there is room for less than an hour of recording or, without cameras, less than LOW_DISK."""
    if equipment.bytes_per_second:
        return equipment.disk_free < 3600 * equipment.bytes_per_second
    return equipment.disk_free < LOW_DISK


def warning_lines(equipment: Equipment, width: int) -> list[Content]:
    """What is wrong with cameras though they are there, wrapped."""
    texts = [f"{signs().warning} {clean(warning)}" for warning in equipment.warnings]
    return [Content.styled(line, "$warning") for text in texts for line in wrap(text, max(20, width))]


def other_lines(profile: Profile, equipment: Equipment, others: list[str]) -> list[Content]:
    """Disk, rest pose and the other benches."""
    hours = equipment.disk_free / equipment.bytes_per_second / 3600 if equipment.bytes_per_second else 0
    room = f"{size(equipment.disk_free)} free"
    if hours:
        room += f" {signs().about} {hours:.0f} h of recording"
    if profile.motion.rest:
        rest = (f"{signs().yes} taught, {plural(len(profile.motion.waypoints), 'way-point')}", "$success")
    else:
        rest = (f"{signs().warning} not taught: lab-console rest --teach", "$warning")
    lines = [
        Content.assemble((fit("disk", 11), "bold"), (room, "bold $error" if _is_low_on_disk(equipment) else "")),
        Content.assemble((fit("rest", 11), "bold"), rest),
    ]
    if others:
        names = ", ".join(clean(name) for name in others)
        lines.append(
            Content.assemble((fit("benches", 11), "bold"), (f"{names}  {keys.CHOOSE_BENCH} changes", "$quiet"))
        )
    return lines

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
PLACE = 10
"""Cells below which a device's path says nothing."""
LABEL = 11
"""Cells of a line's label."""
NOISE = 0.01
"""Share of an arm's questions that were asked again, below which it is not worth a word."""


def part_line(part: Part, telemetry: Telemetry | None, width: int, *, needed: bool = True) -> Content:
    """Name, type, location and state, in columns. `needed`: the session connects the part."""
    state, tone = _state(part, telemetry)
    if telemetry is not None and not needed:
        state, tone = f"{signs().void} not needed", "$quiet"
    kind = min(0 if width < 44 else 20 if width < 70 else 24, max(0, width - 11 - len(state) - 2))  # never the state
    place = max(0, width - 11 - kind - len(state) - 2)
    where = part.where if place >= PLACE else ""
    name, kind_of = fit(_name(part), 10) + " ", fit(part.type, kind - 1) + " " if kind else ""
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


def other_lines(profile: Profile, equipment: Equipment, others: list[str], width: int) -> list[Content]:
    """Disk, rest pose and the other benches, in `width` cells: the details go first, then a list of names is cut."""
    hours = equipment.disk_free / equipment.bytes_per_second / 3600 if equipment.bytes_per_second else 0
    free = f"{size(equipment.disk_free)} free"
    lasts = f"{free} {signs().about} {hours:.0f} h" if hours else free
    room = _longest((f"{lasts} of recording" if hours else lasts, lasts, free), width)
    if profile.motion.rest:
        taught = f"{signs().yes} taught"
        points = f"{taught}, {plural(len(profile.motion.waypoints), 'way-point')}"
        rest = (_longest((points, taught), width), "$success")
    else:
        missing = f"{signs().warning} not taught"
        rest = (_longest((f"{missing}: lab-console rest --teach", missing), width), "$warning")
    lines = [
        Content.assemble((fit("disk", LABEL), "bold"), (room, "bold $error" if _is_low_on_disk(equipment) else "")),
        Content.assemble((fit("rest", LABEL), "bold"), rest),
    ]
    if others:
        names = ", ".join(clean(name) for name in others)
        change = f"{keys.CHOOSE_BENCH} changes to "
        left = max(1, width - LABEL - len(change))
        lines.append(
            Content.assemble((fit("benches", LABEL), "bold"), change, (fit(names, min(left, len(names))), "$quiet"))
        )
    return lines


def _longest(texts: tuple[str, ...], width: int) -> str:
    """The first of these texts, the longest first, that fits beside its label in `width` cells; else the last."""
    return next((text for text in texts if LABEL + len(text) <= width), texts[-1])

"""Leader and follower, joint by joint: where both are, in degrees, and how far apart."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import fit, signs
from screens.widgets.line import strip

SPAN = 120.0
"""Degrees to either side that a bar shows; a gripper's bar shows 0..100."""
LATE = 8.0
"""From this difference on (degrees or percent) a joint counts as apart."""


@dataclass(frozen=True)
class Joint:
    """One joint's positions; `leader` is None where there is no leader."""

    name: str
    follower: float
    leader: float | None

    @property
    def gripper(self) -> bool:
        """Whether the position is a percentage of the gripper's range."""
        return "gripper" in self.name

    @property
    def apart(self) -> float:
        """How far leader and follower are apart."""
        return 0.0 if self.leader is None else abs(self.leader - self.follower)

    def place(self, value: float, width: int) -> int:
        """The cell of `value` on a track of `width` cells."""
        low, high = (0.0, 100.0) if self.gripper else (-SPAN, SPAN)
        part = (min(max(value, low), high) - low) / (high - low)
        return round(part * (width - 1))


def joint_line(joint: Joint, width: int) -> Content:
    """`shoulder_pan  ├────●───┤   12.4°  Δ 0.3°`, cut to what `width` allows."""
    s = signs()
    unit = "%" if joint.gripper else s.degree or " "
    name = 13 if width >= 36 else max(5, width // 3)
    value = f" {round(joint.follower, 1) + 0.0:6.1f}{unit}"
    delta = f" {s.delta}{joint.apart:5.1f}{unit}" if joint.leader is not None and width >= 34 else ""
    track = width - name - 1 - len(value) - len(delta) - 2
    tone = "$warning" if joint.apart > LATE else "$quiet"
    parts: list[tuple[str, str]] = [(fit(joint.name, name) + " ", "$quiet")]
    if track >= 5:
        parts += _track(joint, track)
    return Content.assemble(*parts, (value, ""), (delta, tone))


def _track(joint: Joint, width: int) -> list[tuple[str, str]]:
    s = signs()
    cells: list[tuple[str, str]] = [(s.track, "$edge")] * width
    if joint.leader is not None:
        cells[joint.place(joint.leader, width)] = (s.hollow, "$accent")
    cells[joint.place(joint.follower, width)] = (s.live, "$foreground")
    return [(s.left, "$edge"), *cells, (s.right, "$edge")]


class JointBars(Widget):
    """One row per joint; repaints only rows that changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    JointBars { width: 1fr; height: 6; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._joints: tuple[Joint, ...] = ()
        self._keys: tuple[object, ...] = ()

    def show(self, follower: dict[str, float], leader: dict[str, float]) -> None:
        """Show these positions (keys as LeRobot names them, with or without `.pos`)."""
        other = {name.removesuffix(".pos"): value for name, value in leader.items()}
        names = ((name.removesuffix(".pos"), value) for name, value in follower.items())
        joints = tuple(Joint(name, value, other.get(name)) for name, value in names)
        keys = tuple((j.name, round(j.follower, 1), j.leader and round(j.leader, 1)) for j in joints)
        before, self._keys, self._joints = self._keys, keys, joints
        if len(before) != len(keys):
            self.refresh()
            return
        rows = [y for y, pair in enumerate(zip(before, keys, strict=True)) if pair[0] != pair[1]]
        if rows:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in rows))

    @property
    def lines(self) -> list[str]:
        """What the operator reads, row by row."""
        return [joint_line(joint, self.size.width or 60).plain for joint in self._joints]

    def render_line(self, y: int) -> Strip:
        """One joint."""
        width = self.size.width
        if y >= len(self._joints):
            return Strip.blank(width, self.rich_style)
        return strip(self, joint_line(self._joints[y], width), width)

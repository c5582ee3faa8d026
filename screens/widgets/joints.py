"""Leader and follower, joint by joint: both positions in degrees, and the difference."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.views.signs import fit, signs
from screens.widgets.line import strip

SPAN = 120.0
"""A bar shows -SPAN..SPAN degrees; a gripper's bar shows 0..100 percent."""
LARGE_DIFFERENCE = 8.0
"""A larger difference between leader and follower (degrees or percent) is highlighted."""


@dataclass(frozen=True)
class Joint:
    """One joint's positions, in degrees (a gripper's in percent); `leader` is None without a leader."""

    name: str
    follower: float
    leader: float | None

    @property
    def gripper(self) -> bool:
        """Whether the positions are percentages of the gripper's range."""
        return "gripper" in self.name

    @property
    def difference(self) -> float:
        """The absolute difference between leader and follower; 0 without a leader."""
        return 0.0 if self.leader is None else abs(self.leader - self.follower)

    def cell(self, value: float, width: int) -> int:
        """The cell of `value` on a track of `width` cells."""
        low, high = (0.0, 100.0) if self.gripper else (-SPAN, SPAN)
        part = (min(max(value, low), high) - low) / (high - low)
        return round(part * (width - 1))


def joint_line(joint: Joint, width: int) -> Content:
    """`shoulder_pan  ├────●───┤   12.4°  Δ 0.3°`, shortened for a small `width`."""
    s = signs()
    unit = "%" if joint.gripper else s.degree or " "
    name = 13 if width >= 36 else max(5, width // 3)
    value = f" {round(joint.follower, 1) + 0.0:6.1f}{unit}"
    delta = f" {s.delta}{joint.difference:5.1f}{unit}" if joint.leader is not None and width >= 34 else ""
    track = width - name - 1 - len(value) - len(delta) - 2
    tone = "$warning" if joint.difference > LARGE_DIFFERENCE else "$quiet"
    parts: list[tuple[str, str]] = [(fit(joint.name, name) + " ", "$quiet")]
    if track >= 5:
        parts += _track(joint, track)
    return Content.assemble(*parts, (value, ""), (delta, tone))


def _track(joint: Joint, width: int) -> list[tuple[str, str]]:
    s = signs()
    cells: list[tuple[str, str]] = [(s.track, "$edge")] * width
    if joint.leader is not None:
        cells[joint.cell(joint.leader, width)] = (s.hollow, "$accent")
    cells[joint.cell(joint.follower, width)] = (s.live, "$foreground")
    return [(s.left, "$edge"), *cells, (s.right, "$edge")]


class JointBars(Widget):
    """One row per joint, evenly spaced where there is room; repaints only rows that changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    JointBars { width: 1fr; height: 6; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._joints: tuple[Joint, ...] = ()
        self._keys: tuple[object, ...] = ()

    def show(self, follower: dict[str, float], leader: dict[str, float]) -> None:
        """Show these positions, in degrees (keys as LeRobot names them, with or without `.pos`)."""
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
            self.refresh(*(Region(0, y * self._step, self.size.width, 1) for y in rows))

    @property
    def _step(self) -> int:
        """Rows from one joint to the next."""
        return max(1, self.size.height // max(1, len(self._joints)))

    @property
    def lines(self) -> list[str]:
        """The text of each row."""
        return [joint_line(joint, self.size.width or 60).plain for joint in self._joints]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        at, between = divmod(y, self._step)
        if between or at >= len(self._joints):
            return Strip.blank(width, self.rich_style)
        return strip(self, joint_line(self._joints[at], width), width)

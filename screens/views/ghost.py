"""What is said of the ghost, and which of a reference's cameras lies over which of the bench's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.content import Content

from screens.views.signs import clean, signs
from services.datasets.cameras import same_shape
from services.ghost.nearness import Reading, Trend

if TYPE_CHECKING:
    from services.ghost.reference import Reference

ARM_OFF = 5.0
"""Degrees of a joint by which the arm stands elsewhere."""
TONES = {Trend.CLOSER: "$success", Trend.FARTHER: "$warning", Trend.STEADY: "$quiet"}


def title(camera: str, reading: Reading | None, width: int) -> Content:
    """`overhead  ghost 12.4 closer  best 8.1  noise 0.2`: as much of it as there is room for."""
    if reading is None:
        return Content.assemble((clean(camera), "bold"), ("  ghost", "$quiet"))
    now = ("the same", "bold $success") if reading.matched else (reading.trend.value, TONES[reading.trend])
    said = [("ghost ", ""), (f"{reading.now:.1f} ", "bold"), now, (f"  best {reading.best:.1f}", "")]
    for further in ((f"{clean(camera)}  ", ""), ("", f"  noise {reading.noise:.1f}")):
        longer = [(further[0], "bold"), *said, (further[1], "$quiet")]
        if sum(len(text) for text, _ in longer) <= width:
            said = longer
    return Content.assemble(*said)


def foot(reference: Reference, joints: Mapping[str, float]) -> Content:
    """`pick_place#12, 0 = the same`, or that the arm stands elsewhere, which the number counts, too."""
    name = clean(reference.name, 40)
    if away := arm_away(reference.joints, joints):
        return Content.assemble((name, "$quiet"), (f", arm {away} away", "$warning"))
    return Content.styled(f"{name}, 0 = the same", "$quiet")


def arm_away(then: Mapping[str, float], now: Mapping[str, float]) -> str:
    """`34° shoulder_lift`: the joint that stands farthest from where it stood; empty if none does."""
    stands = {_joint(name): value for name, value in now.items()}
    away = {_joint(name): abs(stands.get(_joint(name), value) - value) for name, value in then.items()}
    degrees, joint = max(((value, name) for name, value in away.items() if "gripper" not in name), default=(0.0, ""))
    return f"{degrees:.0f}{signs().degree} {clean(joint, 20)}" if degrees > ARM_OFF else ""


def _joint(name: str) -> str:
    """A joint by its own name: datasets call its position `NAME.pos`."""
    return name.removesuffix(".pos")


def over(
    reference: Reference, cameras: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """The reference's camera for each of the bench's `cameras` that it can lie over, and why it lies over no other.

    `names` are those that the operator maps: the dataset's by the bench's. The sentence is empty if every camera of the
    bench has a ghost.
    """
    wanted = {own: own if own in reference.shapes else names.get(own, own) for own in cameras}
    fits = {own: name for own, name in wanted.items() if name in reference.pictures}
    shapes = {own: (_size(cameras[own]), reference.shapes.get(name, (0, 0))) for own, name in fits.items()}
    other = [own for own, (here, then) in shapes.items() if not same_shape(here, then)]
    for own in other:
        del fits[own]
    if other:
        here, then = shapes[other[0]]
        return fits, (
            f"{clean(reference.name, 40)} has {clean(other[0], 30)} with {_text(then)}, this bench with {_text(here)}: "
            "pictures of another shape cannot be laid over each other"
        )
    broken = [reference.problems[name] for name in wanted.values() if name in reference.problems]
    if broken:
        return fits, f"{clean(reference.name, 40)}: {clean(broken[0])}"
    if not fits:
        theirs, ours = (clean(", ".join(each), 60) for each in (reference.shapes, cameras))
        return fits, f"{clean(reference.name, 40)} has the cameras {theirs}, this bench {ours}: none of the same name"
    return fits, ""


def _size(config: Mapping[str, Any]) -> tuple[int, int]:
    width, height = config.get("width"), config.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"

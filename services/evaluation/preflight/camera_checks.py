"""Whether each live picture is like the training's pictures of its slot. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.evaluation.preflight.facts import Live, Reference
from services.evaluation.preflight.pictures import Look, Slot
from sessions.preflight import Check, Level, worst

GAIN_WARNS, GAIN_BAD = 1.25, 1.5
"""How many times as bright, or as dark, as the training's brightest or darkest."""
TINT_WARNS = 1.15
BLURRED = 0.5
"""The share of the training's least sharpness below which a picture is blurred."""
LAYOUT_WARNS, LAYOUT_BAD = 0.3, 0.5
"""How much smaller the share of steady places that look alike is than among the training's own pictures."""

Finding = tuple[Level, str, str]
"""A level, what was found, what mends it."""


def camera_checks(reference: Reference, live: Live) -> list[Check]:
    """One check for each camera of the training that the policy uses."""
    names = dict.fromkeys([*live.pictures, *live.dark])
    return [_check(name, reference, live) for name in names]


def _check(name: str, reference: Reference, live: Live) -> Check:
    title = f"camera {name}"
    if name in live.dark:
        return Check(name=title, level=Level.BAD, found=live.dark[name], mends="see to the camera")
    slot = reference.slots.get(name)
    if slot is None:
        why = reference.unseen.get(name) or reference.problem or "the data have no picture of it"
        return Check(name=title, level=Level.UNCHECKED, found=why)
    findings = list(_findings(name, slot, reference, live))
    level = worst(level for level, _, _ in findings)
    told = [each for each in findings if each[0] is level] or findings
    return Check(
        name=title,
        level=level,
        found="; ".join(found for _, found, _ in told),
        mends="; ".join(dict.fromkeys(mends for _, _, mends in told if mends)) if level is not Level.GOOD else "",
    )


def _findings(name: str, slot: Slot, reference: Reference, live: Live) -> Iterator[Finding]:
    seen = live.pictures[name]
    if other := _swapped(name, slot, reference, live):
        found = f"it shows what {other} shows in the data, and {other} what {name} does"
        yield Level.BAD, found, "swap the two cameras in lab.toml, or their cables"
        return
    if turn := slot.turned(seen):
        yield Level.BAD, f"the picture is {turn}", "turn the camera, or set `rotation` in lab.toml, as it was"
        return
    yield from _light(seen, slot)
    yield from _sharpness(seen, slot)
    yield from _layout(seen, slot)


def _swapped(name: str, slot: Slot, reference: Reference, live: Live) -> str:
    """The other camera whose picture belongs into this slot, and this one's into its."""
    for other, theirs in reference.slots.items():
        if other == name or other not in live.pictures:
            continue
        mine, its = live.pictures[name], live.pictures[other]
        if slot.fits_better(its, mine, theirs) and theirs.fits_better(mine, its, slot):
            return other
    return ""


def _light(seen: Look, slot: Slot) -> Iterator[Finding]:
    likeness = slot.against(seen)
    gains = [each.gain for each in slot.own]
    times = max(likeness.gain / max(gains), min(gains) / max(likeness.gain, 0.01), 1.0)
    dark = likeness.gain < min(gains)
    as_bright = f"{likeness.gain:.2f} times as bright as in the data"
    if min(gains) < 0.97 or max(gains) > 1.03:
        as_bright += f" ({min(gains):.2f} to {max(gains):.2f} there)"
    if times > GAIN_WARNS:
        level = Level.BAD if times > GAIN_BAD else Level.WARNING
        yield level, as_bright, f"more light, or a {'longer' if dark else 'shorter'} exposure, as in the data"
    else:
        yield Level.GOOD, as_bright, ""
    for which, colour in enumerate(("red", "blue")):
        own, tint = [each.tint[which] for each in slot.own], likeness.tint[which]
        if tint > max(own) * TINT_WARNS or tint < min(own) / TINT_WARNS:
            words = f"{100 * abs(tint - 1):.0f} % {'more' if tint > 1 else 'less'} {colour} than in the data"
            yield Level.WARNING, words, "set white balance and light as they were"


def _sharpness(seen: Look, slot: Slot) -> Iterator[Finding]:
    least = min(each.sharpness for each in slot.looks)
    if seen.sharpness < BLURRED * least:
        found = f"blurred: {100 * seen.sharpness / least:.0f} % of the least sharpness in the data"
        yield Level.WARNING, found, "wipe the lens, set the focus"


def _layout(seen: Look, slot: Slot) -> Iterator[Finding]:
    if not slot.tellable:
        share = slot.steady.mean()
        yield (
            Level.UNCHECKED,
            f"only {100 * share:.0f} % of the picture stays the same in the data: no layout to compare",
            "",
        )
        return
    agrees = slot.against(seen).agrees
    found = f"{100 * agrees:.0f} % of what stays the same in the data looks alike ({100 * slot.agrees:.0f} % there)"
    mends = "put the camera back where it was, and see whether something new is in view"
    if agrees < slot.agrees - LAYOUT_WARNS:
        yield (Level.BAD if agrees < slot.agrees - LAYOUT_BAD else Level.WARNING), found, mends
    else:
        yield Level.GOOD, found, ""

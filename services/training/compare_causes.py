"""What changed between two trainings in time, and which facts act on it. Pure.

A cause is named only if the facts say that it differs and it acts in the direction of the change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.text import clean
from services.training.compare_facts import RunFacts, State
from services.units import duration, plural, value

LEAST = 0.02
"""Changes below this part are none: figures are written down with two digits."""
ONES = ("no", "one", "two", "three", "four")


class About(StrEnum):
    """The figure that changed."""

    DATA = "data time"
    UPDATE = "update time"
    STEP = "step time"
    TOOK = "total time"


class Cause(StrEnum):
    """A fact that acts on a figure."""

    DECODED = "decoded cameras"
    CAMERAS = "cameras of the policy"
    BATCH = "batch size"
    IMAGES = "size of the images"
    POLICY = "policy"
    WORKERS = "data loading workers"
    DECODER = "video decoder"
    HARDWARE = "hardware"
    STEPS = "steps"
    PARTS = "parts of a step"
    HELD_OUT = "held-out loss"


@dataclass(frozen=True)
class Change:
    """A figure of run `other` against that of run `first`: `part` is the change over the first (-0.74: 74 % less).

    `causes` are the facts that act on it; empty: not explained.
    """

    first: str
    other: str
    about: About
    before: float
    after: float
    causes: tuple[Cause, ...]
    sentence: str

    @property
    def same(self) -> bool:
        """Whether the figures agree, as far as they were written down."""
        return abs(self.part) < LEAST

    @property
    def part(self) -> float:
        """The change over the first run's figure."""
        return (self.after - self.before) / self.before


def changes(first: RunFacts, other: RunFacts) -> list[Change]:
    """The changes from `first` to `other`, of the figures that both have.

    The total time of one that runs is not over, and that of one without a step is no training's.
    """
    open_ended = State.RUNNING in (first.state, other.state) or not (first.steps and other.steps)
    found = [
        _change(first, other, About.DATA, first.data_s, other.data_s),
        _change(first, other, About.UPDATE, first.update_or_rest, other.update_or_rest),
        _change(first, other, About.STEP, first.step_mean, other.step_mean),
        None if open_ended else _change(first, other, About.TOOK, first.took_s, other.took_s),
    ]
    return [change for change in found if change is not None]


def _change(first: RunFacts, other: RunFacts, about: About, before: float | None, after: float | None) -> Change | None:
    if before is None or after is None or before <= 0 or after <= 0:
        return None
    made = Change(first.id, other.id, about, before, after, (), "")
    words = f"{clean(other.short)} against {clean(first.short)}: {about.value} {_moved(made, other)}"
    if made.same:
        return Change(first.id, other.id, about, before, after, (), words)
    reasons = list(_reasons(first, other, made))
    causes = tuple(cause for cause, _ in reasons)
    why = _why(reasons) if reasons else f"not explained by what is known{_alike(first, other, about)}"
    return Change(first.id, other.id, about, before, after, causes, f"{words}: {why}")


def _moved(change: Change, other: RunFacts) -> str:
    """`fell 74 % (0.95 to 0.25 s a step)`, `is the same (1.19 s a step)`."""
    if change.about is About.TOOK:
        figures = f"{duration(change.before)} to {duration(change.after)}"
    else:
        figures = f"{_short(change.before)} to {_short(change.after)} s a step"
    if change.same:
        same = duration(change.after) if change.about is About.TOOK else f"{_short(change.after)} s a step"
        return f"is the same ({same})"
    return f"{'fell' if change.part < 0 else 'rose'} {_percent(change.part)} ({figures})"


def _percent(part: float) -> str:
    if part >= 9.995:
        return f"{part + 1:.0f}-fold"
    return "by more than 99 %" if -1 < part < -0.99 else f"{abs(part) * 100:.0f} %"


def _short(seconds: float) -> str:
    text = value(seconds)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _why(reasons: list[tuple[Cause, str]]) -> str:
    """One cause as it is; of several, that the facts do not tell how much each does."""
    if len(reasons) == 1:
        return reasons[0][1]
    return f"{'; '.join(text for _, text in reasons)} (how much each does is not known)"


# -- causes -------------------------------------------------------------------------------------------

Reasons = Iterator[tuple[Cause, str]]


def _reasons(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    match change.about:
        case About.DATA:
            yield from _of_data(first, other, change)
        case About.UPDATE:
            yield from _of_update(first, other, change)
        case About.STEP:
            yield from _of_step(first, other, change)
        case About.TOOK:
            yield from _of_took(first, other, change)


def _acts(change: Change, before: float | None, after: float | None) -> bool:
    """Whether more of this comes with more time, or less with less."""
    return before is not None and after is not None and (after - before) * change.part > 0


def _of_data(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    if _acts(change, first.decoded, other.decoded):
        yield Cause.DECODED, _decoded(first.decoded or 0, other.decoded or 0)
    yield from _batch(first, other, change)
    for key, cause, words, more_is_less in (
        ("num_workers", Cause.WORKERS, "workers load the data", True),
        ("dataset.video_backend", Cause.DECODER, "decodes the videos", False),
    ):
        before, after = first.settings.get(key), other.settings.get(key)
        if before is None or after is None or before == after:
            continue
        counts = before.isdecimal() and after.isdecimal()
        if not counts or not more_is_less or _acts(change, int(after), int(before)):
            yield cause, f"{clean(after)} instead of {clean(before)} {words}"
    yield from _hardware(first, other)


def _decoded(before: int, after: int) -> str:
    def word(count: int) -> str:
        return ONES[count] if count < len(ONES) else str(count)

    cameras = "camera is" if after == 1 else "cameras are"
    return f"{word(after)} {cameras} decoded instead of {word(before)}"


def _of_update(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    if first.policy and other.policy and first.policy != other.policy:
        yield Cause.POLICY, f"policy {clean(other.policy)} instead of {clean(first.policy)}"
    if first.cameras is not None and other.cameras is not None:
        before, after = len(first.cameras), len(other.cameras)
        if _acts(change, before, after):
            yield Cause.CAMERAS, f"the policy looks at {plural(after, 'camera')} instead of {before}"
    yield from _images(first, other, change)
    yield from _batch(first, other, change)
    yield from _hardware(first, other)


def _images(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    if _acts(change, _pixels(first.images), _pixels(other.images)):
        yield Cause.IMAGES, f"images of {clean(other.images)} instead of {clean(first.images)} pixels"


def _pixels(images: str) -> int | None:
    """The pixels of one size `640x480`; None of several or none."""
    wide, _, high = images.partition("x")
    return int(wide) * int(high) if wide.isdecimal() and high.isdecimal() else None


def _batch(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    if _acts(change, first.batch, other.batch):
        yield Cause.BATCH, f"{other.batch} samples a batch instead of {first.batch}"


def _hardware(first: RunFacts, other: RunFacts) -> Reasons:
    if first.hardware and other.hardware and first.hardware != other.hardware:
        yield Cause.HARDWARE, f"it ran on {clean(other.hardware)} instead of {clean(first.hardware)}"


def _of_step(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    """The parts of the step that changed with it."""
    parts = (
        ("data time", first.data_s, other.data_s), ("update time", first.update_or_rest, other.update_or_rest),
    )  # fmt: skip
    changed = [
        (name, after - before) for name, before, after in parts if before is not None and after is not None
        and (after - before) * change.part > 0 and abs(after - before) >= 0.1 * abs(change.after - change.before)
    ]  # fmt: skip
    if changed:
        word = "less" if change.part < 0 else "more"
        yield Cause.PARTS, " and ".join(f"{name} is {_short(abs(by))} s {word}" for name, by in changed)


def _of_took(first: RunFacts, other: RunFacts, change: Change) -> Reasons:
    if _acts(change, first.steps, other.steps):
        yield Cause.STEPS, f"{other.steps:,} steps instead of {first.steps:,}"
    if _acts(change, first.step_mean, other.step_mean):
        before, after = first.step_mean or 0.0, other.step_mean or 0.0
        if abs(after / before - 1) >= LEAST:
            yield Cause.PARTS, f"a step takes {_short(after)} s instead of {_short(before)} s"
    if _acts(change, first.held_out_measured, other.held_out_measured):
        times = plural(other.held_out_measured or 0, "time")
        yield Cause.HELD_OUT, f"the held-out loss was measured {times} instead of {first.held_out_measured}"


def _alike(first: RunFacts, other: RunFacts, about: About) -> str:
    """What is the same although one might expect it to be the cause."""
    if about is About.DATA and first.decoded is not None and first.decoded == other.decoded:
        word = ONES[first.decoded] if first.decoded < len(ONES) else str(first.decoded)
        same_batch = first.batch is not None and first.batch == other.batch
        batch = f" for batches of {first.batch}" if same_batch else ""
        return f", both decode {word} {'camera' if first.decoded == 1 else 'cameras'}{batch}"
    return ""

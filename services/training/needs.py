"""What a training will need against what is there: findings of a dry run, and what each of them means. Pure.

`services.workers.training.dry_run` makes the findings: LeRobot's own loop takes a few steps that nobody keeps. `judge`
says which of them stand in the way, and by what they could be mended; screens and shell make the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor

import msgspec

from services.training.resize import image_tokens

CLOSE = 0.9
"""The part of what is there above which there is little left."""
SLOW_DECODING = 0.3
"""The part of a step above which waiting for the decoder is worth a remark."""
LEAST_WIDTH = 160
"""Narrower than this, a resize is no longer offered."""


class Grade(StrEnum):
    """What a finding means for the training: CLOSE is tight, SHORT will hardly do, and CANNOT surely cannot work."""

    FINE = "fine"
    CLOSE = "close"
    SHORT = "short"
    CANNOT = "cannot"


class Remedy(StrEnum):
    """What would help; each has a value, in what `judge` says."""

    BATCH = "batch size"
    RESIZE = "resize"
    LEAVE_OUT = "leave out"
    SAVES = "save freq"
    FREE_DISK = "free disk"
    DECODER = "decoder"
    INSTALL = "install"
    LOADERS = "loaders"
    WHOLE_POLICY = "smaller policy"


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all findings."""


class PolicySize(Finding, frozen=True, kw_only=True, tag="policy"):
    """The policy's parameters, and how many of them are learnt."""

    policy: str
    parameters: int
    trainable: int
    device: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's pictures, (width, height): as the dataset has them, and as the policy gets them.

    `tokens` is how many the policy makes of one; 0 if that is not known.
    """

    camera: str
    size: tuple[int, int]
    seen: tuple[int, int]
    tokens: int = 0


class Pictures(Finding, frozen=True, kw_only=True, tag="pictures"):
    """What the policy gets of the cameras. `others` are the tokens besides those of pictures, if these are known.

    `resizable`: a smaller size can be chosen for it.
    """

    pictures: tuple[Picture, ...]
    others: int = 0
    resizable: bool = False

    @property
    def tokens(self) -> int:
        """Image tokens of all cameras; 0 if unknown."""
        return sum(picture.tokens for picture in self.pictures)


class CheckpointRoom(Finding, frozen=True, kw_only=True, tag="disk"):
    """A checkpoint's bytes (weights and optimizer), how many the training saves, and the bytes that are free."""

    each: int
    count: int
    steps: int
    free: int

    @property
    def needed(self) -> int:
        """Bytes of all of them."""
        return self.each * self.count


class Decoding(Finding, frozen=True, kw_only=True, tag="decoder"):
    """Which decoder reads the videos, and its seconds per picture; and the other one's, if it works here.

    `missing` says why the other one does not work; empty if it does.
    """

    decoder: str
    picture_s: float
    other: str = ""
    other_s: float = 0.0
    missing: str = ""


class Memory(Finding, frozen=True, kw_only=True, tag="memory"):
    """Bytes on the `device`: `base`, and `sample` for each sample of a batch, from dry steps up to batch `tried`.

    On the machine's own memory (`device` is empty) each of the `processes` that train takes as much, and `loaders` is
    what those take that load data. `available` counts what the dry run itself used. `ran_out`: the step of
    batch `tried` did not fit into most of that.
    """

    device: str
    batch: int
    tried: int
    available: int
    base: int = 0
    sample: int = 0
    loaders: int = 0
    processes: int = 1
    ran_out: bool = False

    @property
    def needed(self) -> int:
        """About what the batch that is asked for takes."""
        return self.processes * (self.base + self.batch * self.sample) + self.loaders

    @property
    def largest(self) -> int:
        """The largest batch that fits with something to spare; 0 if none does, or it is not known."""
        room = CLOSE * self.available - self.processes * self.base - self.loaders
        return max(0, floor(room / (self.processes * self.sample))) if self.sample else 0

    @property
    def least(self) -> int:
        """About what a batch of one sample takes."""
        return self.processes * (self.base + self.sample) + self.loaders


class Pace(Finding, frozen=True, kw_only=True, tag="time"):
    """Seconds of a step of the batch that is asked for: the update, and loading (`parallel` items at a time).

    They follow from dry steps up to batch `tried`: the update at least as it grew from batch to batch (`update_s`), and
    at most as long for each sample as in the last (`update_most_s`). `loads_beside`: loading takes no time from it.
    """

    batch: int
    tried: int
    steps: int
    update_s: float
    update_most_s: float
    item_s: float
    parallel: int = 1
    loads_beside: bool = True
    busy: bool = False
    """Other work kept the machine busy meanwhile: it may be faster."""

    @property
    def data_s(self) -> float:
        """Loading a batch."""
        return self.item_s * self.batch / max(1, self.parallel)

    @property
    def step_s(self) -> float:
        """A whole step, at least."""
        return self._with_loading(self.update_s)

    @property
    def most_s(self) -> float:
        """A whole step, at most."""
        return self._with_loading(max(self.update_s, self.update_most_s))

    def _with_loading(self, update_s: float) -> float:
        return max(update_s, self.data_s) if self.loads_beside else update_s + self.data_s


class Fails(Finding, frozen=True, kw_only=True, tag="fails"):
    """The training would fail before its first step is done; `reason` is LeRobot's."""

    reason: str


class Unnormalized(Finding, frozen=True, kw_only=True, tag="unnormalized"):
    """The policy learns from raw values of these features: the dataset has no statistics of them."""

    policy: str
    features: tuple[str, ...]


class NotMeasured(Finding, frozen=True, kw_only=True, tag="not measured"):
    """Why memory and time are not known."""

    why: str


AnyFinding = PolicySize | Pictures | CheckpointRoom | Decoding | Memory | Pace | Fails | Unnormalized | NotMeasured


@dataclass(frozen=True)
class Help:
    """A remedy and its value: a batch size, a (width, height), cameras, steps between saves, bytes, a name."""

    remedy: Remedy
    value: object = None
    gain: int = 0
    """Image tokens that would be left (RESIZE), else 0."""


@dataclass(frozen=True)
class Judged:
    """A finding, what it means, and what would help, best first."""

    finding: AnyFinding
    grade: Grade = Grade.FINE
    help: tuple[Help, ...] = ()


def judge(findings: Sequence[AnyFinding]) -> list[Judged]:
    """What each finding means, given the others. Only what surely cannot work is CANNOT."""
    pictures = next((f for f in findings if isinstance(f, Pictures)), None)
    pace = next((f for f in findings if isinstance(f, Pace)), None)
    return [_judged(finding, pictures, pace) for finding in findings]


def in_the_way(findings: Sequence[AnyFinding]) -> list[Judged]:
    """The findings for which the training cannot work."""
    return [found for found in judge(findings) if found.grade is Grade.CANNOT]


def _judged(finding: AnyFinding, pictures: Pictures | None, pace: Pace | None) -> Judged:
    match finding:
        case Memory():
            return _memory(finding, pictures)
        case CheckpointRoom():
            return _disk(finding)
        case Decoding():
            return _decoding(finding, pictures, pace)
        case Fails():
            return Judged(finding, Grade.CANNOT)
        case Unnormalized():
            return Judged(finding, Grade.CLOSE)
    return Judged(finding)


def _memory(found: Memory, pictures: Pictures | None) -> Judged:
    grade = Grade.FINE
    if found.needed > CLOSE * found.available:
        grade = Grade.SHORT if found.needed > found.available else Grade.CLOSE
    if found.ran_out and grade is Grade.FINE:
        grade = Grade.SHORT
    if (found.ran_out and found.tried == 1) or found.least > found.available:
        grade = Grade.CANNOT
    if grade is Grade.FINE:
        return Judged(found)
    return Judged(found, grade, tuple(_spares_memory(found, pictures)))


def _spares_memory(found: Memory, pictures: Pictures | None) -> list[Help]:
    helps = []
    if not found.ran_out and 0 < found.largest < found.batch:
        helps.append(Help(Remedy.BATCH, found.largest))
    if pictures is not None and pictures.resizable and (half := half_of(pictures)):
        helps.append(Help(Remedy.RESIZE, half, gain=image_tokens(half) * len(pictures.pictures)))
    if pictures is not None and len(pictures.pictures) > 1:
        helps.append(Help(Remedy.LEAVE_OUT, pictures.pictures[-1].camera))
    if found.loaders:
        helps.append(Help(Remedy.LOADERS, 0))
    return helps or [Help(Remedy.WHOLE_POLICY)]


def half_of(pictures: Pictures) -> tuple[int, int] | None:
    """Half the size that the policy gets pictures in now; None if that is small, or they differ."""
    sizes = {picture.seen for picture in pictures.pictures}
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return (width // 2, height // 2) if width // 2 >= LEAST_WIDTH else None


def _disk(found: CheckpointRoom) -> Judged:
    if found.each > found.free:
        return Judged(found, Grade.CANNOT, (Help(Remedy.FREE_DISK, found.each - found.free),))
    if found.needed <= CLOSE * found.free:
        return Judged(found)
    fits = max(1, floor(CLOSE * found.free / found.each))
    fewer = (Help(Remedy.SAVES, -(-found.steps // fits)),) if fits < found.count else ()
    grade = Grade.SHORT if found.needed > found.free else Grade.CLOSE
    short = found.needed - found.free
    return Judged(found, grade, (*fewer, Help(Remedy.FREE_DISK, short)) if short > 0 else fewer)


def _decoding(found: Decoding, pictures: Pictures | None, pace: Pace | None) -> Judged:
    """Another decoder that is faster, or one that is not installed, is worth a word where steps wait for pictures."""
    waits = pace is not None and pace.data_s > max(SLOW_DECODING * pace.step_s, pace.update_s * CLOSE)
    if found.other_s and found.other_s < CLOSE * found.picture_s:
        return Judged(found, Grade.CLOSE if waits else Grade.FINE, (Help(Remedy.DECODER, found.other),))
    if not waits:
        return Judged(found)
    helps = [Help(Remedy.INSTALL, found.other)] if found.missing else []
    if pictures is not None and len(pictures.pictures) > 1:
        helps.append(Help(Remedy.LEAVE_OUT, pictures.pictures[-1].camera))
    return Judged(found, Grade.CLOSE, tuple(helps))

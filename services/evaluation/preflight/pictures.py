"""How a picture looks, and how far it is like the training's pictures of its slot. Pure, with numpy.

What counts are the places that hardly change from one training picture to another: a table, a wall, the gripper that a
camera on the wrist always sees. The object and the arm may be anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float32]
type Places = NDArray[np.bool_]

WIDTH, HEIGHT = 160, 120
"""Pixels to which a picture is brought before its sharpness is measured."""
ACROSS, DOWN = 40, 30
"""Fields of the thumbnail."""
STEADY = 10.0
"""Counts (of 255) by which a field may differ from the middle of the training's pictures and still be steady."""
ALIKE = 26.0
"""Counts by which a field may differ and be alike."""
LIT, BURNT = 30.0, 245.0
"""Fields between these say something of the exposure."""
UNLIKE = 40.0
"""Counts by which a field must differ to tell two pictures apart."""
CLEARLY = 0.3
"""How much larger the share of fields that fit must be."""
DARK = 0.05
"""The least gain that a picture is brought back from."""
FEWEST_PLACES = 12
FEWEST = 0.04
"""Share of the fields that must be steady for a layout to be told."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Look:
    """A picture in brief: `fields` are (DOWN, ACROSS, 3) means of 0 to 255, `sharpness` is relative to the contrast."""

    fields: Array
    sharpness: float

    def turned(self, turn: Callable[[Array], Array]) -> Look:
        """The same picture mirrored or upside down."""
        return Look(np.ascontiguousarray(turn(self.fields)), self.sharpness)


TURNS: Mapping[str, Callable[[Array], Array]] = {
    "mirrored left to right": lambda fields: fields[:, ::-1],
    "mirrored top to bottom": lambda fields: fields[::-1],
    "turned upside down": lambda fields: fields[::-1, ::-1],
}


def look(picture: NDArray[np.uint8]) -> Look:
    """Of a picture (height, width, 3) of any size."""
    small = _means(picture, HEIGHT, WIDTH)
    grey = small @ _LUMA
    edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return Look(_means(small, DOWN, ACROSS), float(np.abs(edges).mean() / (grey.std() + 1.0)))


def _means(picture: NDArray[np.uint8] | Array, down: int, across: int) -> Array:
    """Each field's mean; a picture that is smaller is sampled."""
    height, width = picture.shape[:2]
    if height < down or width < across:
        rows, columns = np.arange(down) * height // down, np.arange(across) * width // across
        return np.asarray(picture[rows][:, columns], np.float32)
    rows, columns = np.arange(down + 1) * height // down, np.arange(across + 1) * width // across
    sums = np.add.reduceat(picture, rows[:-1], axis=0, dtype=np.float32)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    sizes = np.diff(rows)[:, None] * np.diff(columns)
    return np.asarray(sums / sizes[:, :, None], np.float32)


@dataclass(frozen=True)
class Likeness:
    """A picture against a slot. `agrees` is the share of the steady places that look alike, exposure set aside.

    `gain` is how bright they are, relative to the middle of the training, `tint` how red and how blue beside green.
    """

    agrees: float
    gain: float
    tint: tuple[float, float]


@dataclass(frozen=True)
class Slot:
    """The training's pictures of one camera: a look at each, of several episodes."""

    looks: Sequence[Look]

    @cached_property
    def middle(self) -> Array:
        """The median picture."""
        return np.asarray(np.median(_stack([each.fields for each in self.looks]), axis=0), np.float32)

    @cached_property
    def stack(self) -> Array:
        """All pictures as bright as the median one, (pictures, DOWN, ACROSS, 3): day and night are alike."""
        gains = [_ratio(each.fields @ _LUMA, self.middle @ _LUMA) for each in self.looks]
        return _stack([each.fields / max(gain, DARK) for each, gain in zip(self.looks, gains, strict=True)])

    @cached_property
    def steady(self) -> Places:
        """Where nearly all of the training's pictures are the same, (DOWN, ACROSS)."""
        apart = np.abs(self.stack - self.middle).max(axis=3)
        return np.asarray(np.quantile(apart, 0.8, axis=0) < STEADY)

    @property
    def tellable(self) -> bool:
        """Whether there are steady places enough."""
        return bool(self.steady.mean() >= FEWEST)

    @cached_property
    def own(self) -> list[Likeness]:
        """The training's own pictures against their slot."""
        return [self.against(each) for each in self.looks]

    @property
    def agrees(self) -> float:
        """What nearly all of the training's own pictures reach."""
        return float(np.quantile([each.agrees for each in self.own], 0.05))

    def against(self, seen: Look) -> Likeness:
        """How far a picture is like this slot's."""
        gain, at = self._gain(seen), self._at
        mine, middle = seen.fields[at], self.middle[at]
        alike = np.abs(mine / gain - middle).max(axis=1) < UNLIKE
        mine, middle = mine[alike], middle[alike]
        red, blue = (_ratio(mine[:, c], middle[:, c]) / _ratio(mine[:, 1], middle[:, 1]) for c in (0, 2))
        return Likeness(self._alike(seen, at, gain, ALIKE), gain, (red, blue))

    def _gain(self, seen: Look) -> float:
        """How bright the steady places are: the brightness with which most of them look alike, the rest is hidden."""
        mine, middle = seen.fields[self._at], self.middle[self._at]
        light, lit = middle @ _LUMA, (middle @ _LUMA > LIT) & (middle @ _LUMA < BURNT)
        if not lit.any():
            return 1.0
        tried = np.quantile((mine @ _LUMA)[lit] / light[lit], np.linspace(0.1, 0.9, 9))
        fits = [(np.abs(mine / max(gain, DARK) - middle).max(axis=1) < ALIKE / 2).sum() for gain in tried]
        return max(float(tried[int(np.argmax(fits))]), DARK)

    @cached_property
    def _at(self) -> Places:
        return self.steady if self.steady.any() else np.ones_like(self.steady)

    @cached_property
    def _turned_apart(self) -> dict[str, Places]:
        return {name: self.told_from(_stack([turn(f) for f in self.stack])) for name, turn in TURNS.items()}

    def told_from(self, others: Array) -> Places:
        """The steady places at which nearly none of the `others`, (pictures, DOWN, ACROSS, 3), looks like this slot."""
        unlike = np.abs(others - self.middle).max(axis=3) > UNLIKE
        return np.asarray(self.steady & (unlike.mean(axis=0) >= 0.9))

    def shows(self, seen: Look, at: Places) -> float:
        """The share of these places at which a picture looks like this slot, exposure set aside."""
        return self._alike(seen, at, self._gain(seen), UNLIKE)

    def turned(self, seen: Look) -> str:
        """How the picture is turned, by the names of TURNS, where it then fits and does not as it is; else empty."""
        for name, turn in TURNS.items():
            at = self._turned_apart[name]
            if at.sum() >= FEWEST_PLACES and self.shows(seen.turned(turn), at) - self.shows(seen, at) > CLEARLY:
                return name
        return ""

    def fits_better(self, other: Look, seen: Look, pictures: Slot) -> bool:
        """Whether the `other` camera's picture belongs here rather than what is `seen`; `pictures` are the other's."""
        at = self.told_from(pictures.stack)
        return bool(at.sum() >= FEWEST_PLACES and self.shows(other, at) - self.shows(seen, at) > CLEARLY)

    def _alike(self, seen: Look, at: Places, gain: float, within: float) -> float:
        apart = np.abs(seen.fields[at] / gain - self.middle[at]).max(axis=1)
        return float((apart < within).mean()) if apart.size else 1.0


def _stack(pictures: Sequence[Array]) -> Array:
    return np.asarray(np.stack(pictures), np.float32)


def _ratio(mine: Array, middle: Array) -> float:
    """The median of the lit places' ratios; 1 where none is lit."""
    lit = (middle > LIT) & (middle < BURNT)
    if not lit.any():
        return 1.0
    return float(np.median(mine[lit] / middle[lit]))

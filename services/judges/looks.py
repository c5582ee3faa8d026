"""What a trained judge sees of a trial: the last pictures of his cameras, small, as numbers. Pure, with numpy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sessions.trained_judge import Seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Pictures = Sequence[NDArray[np.uint8]]
    type Numbers = NDArray[np.float64]

LAST = 5
"""Pictures of each camera at a trial's end, of which the mean is looked at."""
ACROSS, DOWN = 32, 24
"""Fields of a picture."""
FLAT = 4.0
"""Counts (of 255) by which the fields of a picture must vary, so that it shows anything."""


class Unseen(Exception):
    """A camera shows nothing that can be judged; the message says why in a few words."""


def numbers_of(pictures: Mapping[str, Pictures], cameras: Iterable[Seen]) -> Numbers:
    """The fields of every camera, one after the other, (DOWN * ACROSS * 3 * cameras,).

    `pictures` are each camera's last ones, (height, width, 3). A picture counts by how its fields differ from its own
    mean, so that one that is brighter or flatter as a whole is the same. Raises Unseen.
    """
    import numpy as np

    return np.concatenate([_fields(each, pictures.get(each.camera, ())) for each in cameras])


def _fields(seen: Seen, pictures: Pictures) -> Numbers:
    """Raises Unseen."""
    import numpy as np

    if not pictures:
        raise Unseen(f"camera {seen.camera} gave no picture")
    for picture in pictures:
        if picture.shape != (seen.height, seen.width, 3):
            here = "x".join(map(str, picture.shape[1::-1]))
            raise Unseen(f"camera {seen.camera} gives {here}, it was trained at {seen.width}x{seen.height}")
    means = [_means(picture) for picture in pictures]
    if min(each.std() for each in means) < FLAT:
        raise Unseen(f"camera {seen.camera} shows nothing")
    mean = np.mean(means, axis=0)
    fields: Numbers = ((mean - mean.mean()) / max(FLAT, mean.std())).ravel()
    return fields


def _means(picture: NDArray[np.uint8]) -> Numbers:
    """(DOWN, ACROSS, 3): each field's mean; a picture that is smaller is sampled."""
    import numpy as np

    height, width = picture.shape[:2]
    if height < DOWN or width < ACROSS:
        sampled = picture[np.arange(DOWN) * height // DOWN][:, np.arange(ACROSS) * width // ACROSS]
        return np.asarray(sampled, np.float64)
    rows, columns = np.arange(DOWN + 1) * height // DOWN, np.arange(ACROSS + 1) * width // ACROSS
    sums = np.add.reduceat(picture, rows[:-1], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    means: Numbers = sums / (np.diff(rows)[:, None] * np.diff(columns))[:, :, None]
    return means


class LastPictures:
    """The newest pictures of these cameras; not copied, since a camera gives a new array each time."""

    def __init__(self, cameras: Iterable[Seen]) -> None:
        self._kept: dict[str, deque[Any]] = {each.camera: deque(maxlen=LAST) for each in cameras}

    def clear(self) -> None:
        """A trial begins."""
        for kept in self._kept.values():
            kept.clear()

    def add(self, observation: Mapping[str, Any]) -> None:
        """One period's observation; a camera that it lacks loses what it showed before, which is old by then."""
        for name, kept in self._kept.items():
            picture = observation.get(name)
            if picture is None:
                kept.clear()
            else:
                kept.append(picture)

    @property
    def pictures(self) -> dict[str, list[Any]]:
        """As they are now."""
        return {name: list(kept) for name, kept in self._kept.items()}

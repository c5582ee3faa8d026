"""The cameras of a dataset: their names for people, and the keys of their features. Names and keys meet here only.

LeRobot keeps the camera `wrist` as `observation.images.wrist`. Other tools write `observation.image`,
`observation.wrist_image` or `wrist_image` (pusht, LIBERO); such a camera's name is its whole key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

IMAGES = "observation.images."
PICTURES = ("video", "image")
"""The dtypes of a camera's feature."""
COLOUR = 3
_LAST = ("channel", "channels")
"""The last dimension's name in features that are (height, width, channels); LeRobot's utils/feature_utils.py."""


class UnknownCamera(Exception):
    """A name that no camera has, or more than one; the message says which there are."""


def camera_name(key: str) -> str:
    """The name of the camera with this feature key."""
    return key.removeprefix(IMAGES)


def camera_keys(features: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The feature key of each camera by the camera's name, in the dataset's order."""
    return {camera_name(key): key for key, feature in features.items() if feature.get("dtype") in PICTURES}


def find_cameras(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The cameras of `names` that `wanted` means: by name, by key, or by the last part of the key. Once each.

    `wanted` is a list that was split at its commas; a camera's name may have some, too. Raises UnknownCamera.
    """
    words, found = [stripped for word in wanted if (stripped := word.strip())], list[str]()
    while words:
        length = next((n for n in range(len(words), 1, -1) if _matching(names, ",".join(words[:n]))), 1)
        found.append(_find(names, ",".join(words[:length])))
        words = words[length:]
    return tuple(dict.fromkeys(found))


def _find(names: Sequence[str], word: str) -> str:
    found = _matching(names, word)
    if len(found) == 1:
        return found[0]
    has = f"it has {', '.join(names)}" if names else "it has no camera"
    raise UnknownCamera(f"no camera {word!r} to leave out: {has}")


def _matching(names: Sequence[str], word: str) -> list[str]:
    """The one of this name or key, else those whose key ends in the word."""
    if (name := camera_name(word)) in names:
        return [name]
    return [name for name in names if name.endswith(f".{word}")]


def channels(feature: Mapping[str, Any]) -> int:
    """How many channels a camera's picture has: 3 in colour, 1 for a depth map; 0 if the feature does not say."""
    shape = tuple(feature.get("shape") or ())
    if len(shape) != 3:
        return 0
    return int(shape[2] if _channels_last(feature, shape) else shape[0])


def picture_size(feature: Mapping[str, Any]) -> tuple[int, int] | None:
    """The (width, height) of a camera's pictures; None if the feature does not say."""
    shape = tuple(feature.get("shape") or ())
    if len(shape) != 3:
        return None
    height, width = shape[:2] if _channels_last(feature, shape) else shape[1:]
    return int(width), int(height)


def _channels_last(feature: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    names = tuple(feature.get("names") or ())
    return names[2] in _LAST if len(names) == 3 else shape[2] <= shape[0]


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (width, height) have the same ratio, but for rounding to whole pixels: nothing is stretched."""
    (width, height), (wide, high) = one, other
    return abs(width * high - wide * height) <= max(*one, *other)

"""What a planned training does with its pictures: their sizes, a resize, and how many image tokens come of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from screens.views.facts import Fact, warning
from services.datasets.cameras import camera_keys, picture_size, same_shape
from services.refusal import Refusal
from services.training.resize import image_tokens, parse
from services.units import dimensions

RAW = "act"
"""The policy that takes pictures as they are, so that its tokens follow from their size."""
WORTH_RESIZING = 200
"""Image tokens of one picture from which a resize is offered."""


def picture_facts(
    features: Mapping[str, Mapping[str, Any]], without: Collection[str], policy: str, resize: str
) -> list[Fact]:
    """Of the dataset's cameras that are not left out; nothing without one."""
    kept = {name: features[key] for name, key in camera_keys(features).items() if name not in without}
    sizes = [size for feature in kept.values() if (size := picture_size(feature))]
    if not sizes:
        return []
    wanted = size_of(resize)
    if wanted is None and policy != RAW:
        return []
    text = _sizes(sizes, wanted) + (_tokens(sizes, wanted) if policy == RAW else "")
    return [Fact("pictures", text), *(_odd(sizes, wanted) if wanted else ())]


def size_of(resize: str) -> tuple[int, int] | None:
    """The (width, height) that was typed; None if it is none, which is said at the field."""
    with suppress(Refusal):
        return parse(resize)
    return None


def resized(size: tuple[int, int] | None) -> str:
    """`resized to 320x240`, or `not resized`."""
    return f"resized to {dimensions(*size)}" if size else "not resized"


def _sizes(sizes: list[tuple[int, int]], wanted: tuple[int, int] | None) -> str:
    """`640x480`, `640x480 and 1280x720 resized to 320x240`."""
    text = " and ".join(dimensions(*size) for size in dict.fromkeys(sizes))
    return f"{text} {resized(wanted)}" if wanted else text


def _tokens(sizes: list[tuple[int, int]], wanted: tuple[int, int] | None) -> str:
    """How many image tokens an ACT makes of one step's pictures, and how many fewer of smaller ones."""
    raw = [image_tokens(size) for size in sizes]
    if wanted:
        one = image_tokens(wanted)
        return f": {one} image tokens each, {one * len(sizes)} in all instead of {sum(raw)}"
    each = f"{raw[0]} image tokens each, " if len(set(raw)) == 1 and len(raw) > 1 else ""
    text = f": {each}{sum(raw)} {'in all' if each else 'image tokens'}"
    if max(raw) < WORTH_RESIZING:
        return text
    half = (sizes[0][0] // 2, sizes[0][1] // 2)
    return f"{text}; resized to {dimensions(*half)} they would be {image_tokens(half) * len(sizes)}"


def _odd(sizes: list[tuple[int, int]], wanted: tuple[int, int]) -> list[Fact]:
    """That a resize changes the pictures' shape, or adds pixels that no camera saw."""
    to, facts = dimensions(*wanted), []
    if stretched := [size for size in dict.fromkeys(sizes) if not same_shape(size, wanted)]:
        facts.append(warning(f"pictures of {dimensions(*stretched[0])} have another shape than {to}: stretched"))
    if any(size[0] * size[1] < wanted[0] * wanted[1] for size in sizes):
        facts.append(warning(f"pictures are enlarged to {to}: more work, and nothing more to see"))
    return facts

"""Which of the 256 colours of a terminal is nearest to a colour, as people see it: in OKLab.

Greys, bluish ones included, become one of the 24 greys: in the 6x6x6 cube they would turn purple, teal or olive.
OKLab: Bjorn Ottosson, A perceptual color space for image processing (2020).
"""

from __future__ import annotations

from functools import lru_cache

Lab = tuple[float, float, float]

GREYISH = 0.045
"""Chroma (in OKLab) below which a colour counts as a grey."""
_STEPS = (0, 95, 135, 175, 215, 255)


def rgb_of(number: int) -> tuple[int, int, int]:
    """Red, green, blue (0..255) of colour 16 to 255; the first 16 are the user's own."""
    if number >= 232:
        level = 8 + 10 * (number - 232)
        return level, level, level
    number -= 16
    return _STEPS[number // 36], _STEPS[number // 6 % 6], _STEPS[number % 6]


@lru_cache(maxsize=4096)
def nearest_256(red: int, green: int, blue: int) -> int:
    """The number (16 to 255) of the nearest colour."""
    lightness, a, b = oklab(red, green, blue)
    if a * a + b * b < GREYISH**2:
        return min(_greys(), key=lambda grey: abs(grey[1] - lightness))[0]
    return min(_colours(), key=lambda c: (c[1] - lightness) ** 2 + (c[2] - a) ** 2 + (c[3] - b) ** 2)[0]


@lru_cache(maxsize=1)
def _greys() -> list[tuple[int, float]]:
    """(number, lightness) of black, the 24 greys, white."""
    return [(number, oklab(*rgb_of(number))[0]) for number in (16, *range(232, 256), 231)]


@lru_cache(maxsize=1)
def _colours() -> list[tuple[int, float, float, float]]:
    return [(number, *oklab(*rgb_of(number))) for number in range(16, 256)]


def oklab(red: float, green: float, blue: float) -> Lab:
    """Lightness 0..1 and the two axes of colour of an sRGB colour (0..255)."""
    r, g, b = (_linear(level / 255) for level in (red, green, blue))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _linear(level: float) -> float:
    return ((level + 0.055) / 1.055) ** 2.4 if level > 0.04045 else level / 12.92

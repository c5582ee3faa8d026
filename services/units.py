"""Durations, sizes and counts as text, for screens and shell alike."""

from __future__ import annotations

from math import isfinite


def duration(seconds: float) -> str:
    """A length of time: `45 s`, `12 m 05 s`, `3 h 07 m`."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} m"
    return f"{minutes} m {rest:02} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Bytes with a unit: `212 GB`, `1.2 GB`, `865 MB`, `40 kB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            value = count / factor
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def value(number: float) -> str:
    """`0.0412`, `1.00`, `1.2e-5`, `35.2`: three significant digits, the zeros of a power of ten left out."""
    if not isfinite(number):
        return "-"
    if number and not 1e-3 <= abs(number) < 1e5:
        mantissa, _, exponent = f"{number:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if not number or abs(number) >= 1000:
        return f"{number:.0f}"
    return f"{number:#.3g}".rstrip(".")


def epochs(number: float) -> str:
    """`57.1`, `0.0417`: in tenths, and less than one of these in three digits."""
    return f"{number:.1f}" if not 0 < number < 0.1 else value(number)


def number(value: float) -> str:
    """A number without needless decimals: `15`, `7.5`."""
    return f"{value:g}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 episode`, `3 episodes`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def count_of(number: int) -> str:
    """A large count: `51.6 M`, `3.1 B`; below 100,000 all digits."""
    for unit, factor in (("B", 1e9), ("M", 1e6)):
        if number >= factor / 10:
            return f"{number / factor:.1f} {unit}"
    return f"{number:,}"


def dimensions(width: int, height: int) -> str:
    """The size of a picture in pixels: `640x480`."""
    return f"{width}x{height}"

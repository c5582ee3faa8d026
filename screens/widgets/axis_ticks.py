"""The positions and labels of an axis's ticks. Pure."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10


def linear(low: float, high: float, most: int) -> list[float]:
    """About `most` round values (1, 2 or 5 times a power of ten) in `low`..`high`; at least two if possible."""
    span = high - low
    if not isfinite(span) or span <= 0 or most < 1:
        return [low]
    power = floor(log10(span / most)) + 1
    found: list[float] = []
    for step in (10.0**power, 5 * 10.0 ** (power - 1), 2 * 10.0 ** (power - 1), 10.0 ** (power - 1)):
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        if len(found) > 1 and last - first + 1 > most:
            break
        found = [at * step for at in range(first, last + 1)]
    return found


def decades(low: float, high: float, most: int) -> list[float]:
    """Exponents of ten in `low`..`high` (also exponents); if there are few, round values between them too."""
    whole = [float(at) for at in range(ceil(low - 1e-9), floor(high + 1e-9) + 1)]
    if len(whole) > 3 or len(whole) >= most:
        return whole[:: max(1, ceil(len(whole) / max(1, most)))]
    for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3)):
        fine = [e + log10(f) for e in range(floor(low), ceil(high) + 1) for f in factors]
        inside = [at for at in fine if low - 1e-9 <= at <= high + 1e-9]
        if 2 <= len(inside) <= most:
            return inside
    return whole if len(whole) > 1 else [log10(at) for at in linear(10**low, 10**high, most) if at > 0] or [low]


def label(at: float, step: float) -> str:
    """A tick's number, with the digits that `step`, the distance between ticks, requires."""
    if at and not 1e-3 <= abs(at) < 1e5:
        digits = max(0, floor(log10(abs(at))) - floor(log10(abs(step)) + 1e-9)) if step else 2
        mantissa, _, exponent = f"{at:.{min(digits, 6)}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = max(0, -floor(log10(abs(step)) + 1e-9)) if step else 3
    return f"{at:.{min(decimals, 9)}f}"


def plain(at: float) -> str:
    """A tick's number by itself, as on a log axis: `1`, `0.05`, `1e-4`."""
    if at and not 1e-3 <= abs(at) < 1e5:
        mantissa, _, exponent = f"{at:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{at:.3g}" if abs(at) < 1000 else f"{at:.0f}"


def step_label(step: float) -> str:
    """A training step on the x axis: `500`, `20k`, `1.5M`."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if step >= factor and step % (factor / 10) == 0:
            return f"{step / factor:g}{unit}"
    return f"{step:g}"

"""Signs, tones and clean text for the screens.

Text from outside (task texts, notes, dataset names, worker logs, errors) is passed through `clean` and shown as
`Content`, which is never parsed as markup.
"""

from __future__ import annotations

import codecs
import locale
import os
import sys
from dataclasses import dataclass

from services.text import clean as strip_controls
from services.tone import Tone

STYLES = {
    Tone.ACCENT: "$accent", Tone.SUCCESS: "$success", Tone.WARNING: "$warning", Tone.DANGER: "$error",
    Tone.QUIET: "$quiet", Tone.PLAIN: "$foreground",
}  # fmt: skip
"""The theme's colour of each tone."""


def clean(text: object, limit: int = 400) -> str:
    """One line without control characters, of at most `limit` characters."""
    line = strip_controls(str(text)).strip()
    return line if len(line) <= limit else line[: limit - 1] + signs().more


@dataclass(frozen=True)
class Signs:
    """The signs shown next to a colour."""

    yes: str = "✓"
    no: str = "✗"
    void: str = "○"
    warning: str = "⚠"
    live: str = "●"
    stop: str = "■"
    night: str = "☾"
    day: str = "☀"
    dot: str = "·"
    more: str = "…"
    full: str = "█"
    empty: str = "░"
    track: str = "─"
    span: str = "━"
    left: str = "├"
    right: str = "┤"
    hollow: str = "◇"
    delta: str = "Δ"
    degree: str = "°"
    about: str = "≈"
    cursor: str = "▌"
    up: str = "▲"
    down: str = "▼"
    unicode: bool = True


ASCII = Signs(
    yes="+", no="x", void="o", warning="!", live="*", stop="#", night="n", day="d", dot="-", more="~",
    full="#", empty=".", track="-", span="=", left="|", right="|", hollow="o", delta="d", degree="deg", about="~",
    cursor=">", up="^", down="v", unicode=False,
)  # fmt: skip
UNICODE = Signs()


def speaks_utf8() -> bool:
    """Whether the terminal's character set is UTF-8, by the locale; False if LAB_CONSOLE_ASCII is set."""
    if os.environ.get("LAB_CONSOLE_ASCII"):
        return False
    names = (getattr(sys.__stdout__, "encoding", None), locale.getpreferredencoding(False))
    try:
        return all(codecs.lookup(name).name == "utf-8" for name in names if name)
    except LookupError:
        return False


_chosen = [UNICODE]


def signs() -> Signs:
    """The signs of this terminal."""
    return _chosen[0]


def use_signs(chosen: Signs) -> None:
    """Set the signs; call it once, before the first screen is built."""
    _chosen[0] = chosen


def fit(text: str, width: int) -> str:
    """`text` cut or padded to exactly `width` characters."""
    if len(text) > width:
        return text[: max(0, width - 1)] + (signs().more if width else "")
    return text.ljust(width)


def fit_end(text: str, width: int) -> str:
    """`text` cut at its beginning or padded to exactly `width` characters: paths of devices differ at their end."""
    if len(text) > width:
        return (signs().more if width else "") + text[len(text) - max(0, width - 1) :]
    return text.ljust(width)


def bar(part: float, width: int) -> tuple[str, str]:
    """The full and the empty part of a progress bar, together `width` cells; `part` is 0..1."""
    full = round(max(0.0, min(1.0, part)) * width)
    return signs().full * full, signs().empty * (width - full)

"""Untrusted text made safe to print, by removing terminal control sequences."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|.)", re.DOTALL)

_BREAKS = "\n\r\t\u2028\u2029"
"""The last two are Unicode's separators of lines and paragraphs."""


def clean(text: str) -> str:
    """`text` without escape sequences and control characters; line breaks of any kind and tabs become spaces.

    Bidirectional overrides are removed too, since they change how a line reads.
    """
    kept = _SEQUENCES.sub("", text)
    return "".join(
        " " if c in _BREAKS else c for c in kept if c in _BREAKS or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )


STACKED = 4
"""Marks on one letter: no script stacks more."""


def without_stacks(text: str, most: int = STACKED) -> str:
    """`text` with at most so many combining marks on a letter: a browser draws hundreds over the lines around it."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for c in text:
        marks = marks + 1 if unicodedata.category(c) in ("Mn", "Me") else 0
        if marks <= most:
            kept.append(c)
    return "".join(kept)


LONGEST = 80


def brief(text: str, most: int = LONGEST) -> str:
    """`text`, clean, for a sentence that says what was wrong with it: of a longer one its beginning and `...`."""
    cleaned = clean(text[: 4 * most])
    return cleaned if len(cleaned) <= most else f"{cleaned[: most - 3]}..."


_RUN = re.compile(r"\S{600,}")


def without_long_runs(text: str) -> str:
    """One line in which each run without a space, longer than most paths, has its beginning and `...` only."""
    return _RUN.sub(lambda run: brief(run[0]), text)


def without_sequences(text: str) -> str:
    """One line without its escape sequences; other control characters stay."""
    return _SEQUENCES.sub("", text)


_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_JOINERS = "\u200c\u200d"
"""Format characters that emoji and scripts need; they turn no line around."""
_IN_JSON = re.compile(r"[\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")


def without_controls(text: str, keep: str = "") -> str:
    """`text` without control and bidirectional characters, except `keep`; every other character stays in its cell.

    For the last place before the terminal, whatever was cleaned before. A surrogate (a byte that was no UTF-8), which
    no stream can write, becomes `?`.
    """
    if text.isprintable():
        return text
    if "\n" in keep:  # a log of thousands of sessions has few lines that need a look at each character
        rest = keep.replace("\n", "")
        return "\n".join(without_controls(line, rest) for line in text.split("\n"))
    return "".join(kept for c in text if (kept := _kept(c, keep)))


def _kept(c: str, keep: str) -> str:
    if c in keep or c in _JOINERS:
        return c
    match unicodedata.category(c):
        case "Cc" | "Cf":
            return ""
        case "Cs":
            return "?"
        case "Zl" | "Zp":
            return " "
    return c


def plain(text: str) -> str:
    """Text for a stream: lines and tabs stay, colours go with their codes, and no control character is left."""
    return text if text.isprintable() else without_controls(_COLOURS.sub("", text), keep="\n\t")


def escape_json(text: str) -> str:
    """JSON text whose strings hold no control or bidirectional character: they are escaped there."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

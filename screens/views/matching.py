"""Which actions fit what is typed: by words and their beginnings, never by letters scattered over a text. Pure."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+")
EXACT, BEGINS, WORDS, DESCRIBED = 4, 3, 2, 1


def fits(query: str, label: str, tooltip: str = "", *others: str) -> int:
    """How well `query` fits, 0 if it does not: the label, its beginning, words of it, else words of all texts.

    Each word of the query has to begin a word of the text; case counts for nothing.
    """
    asked, name = query.strip().lower(), label.lower()
    if not asked:
        return DESCRIBED
    if name == asked:
        return EXACT
    if name.startswith(asked):
        return BEGINS
    wanted = _WORD.findall(asked) or [asked]
    if _all_begin(wanted, name):
        return WORDS
    return DESCRIBED if _all_begin(wanted, " ".join([name, tooltip.lower(), *(each.lower() for each in others)])) else 0


def _all_begin(wanted: list[str], text: str) -> bool:
    words = _WORD.findall(text) or [text]
    return all(any(word.startswith(each) for word in words) for each in wanted)

"""A fact on a page of the log: its name in a column at the left, what it is beside it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from screens.views.signs import fit

COLUMN = 12
"""Cells of the names' column, the space behind it included."""


def fact(name: str, *parts: str | tuple[str, str] | Content) -> Content:
    """One row: a name (empty: more of the fact above), then text, styled or not."""
    return Content.assemble((fit(name, COLUMN), "$quiet"), *parts)


def cells(texts: Iterable[Content], width: int, each: int) -> list[Content]:
    """Content side by side under the names' column, as many as fit; every cell has `each` cells of width."""
    every = list(texts)
    per_row = max(1, (width - COLUMN) // each)
    padded = [text.pad_right(max(0, each - text.cell_length)) for text in every]
    return [fact("", *padded[at : at + per_row]) for at in range(0, len(padded), per_row)]

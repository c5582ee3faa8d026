"""A dataset's life as lines: a tree, a node a line, its numbers beside it. Pure, without textual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from screens.views.page_lines import Line, drawn_value
from screens.views.signs import signs
from services.log.kinship.life import Kind, Node

NAME_STYLES = {Kind.DATASET: "bold $accent", Kind.TRAINING: "bold", Kind.MISSING: "$warning", Kind.CHECKPOINT: ""}


@dataclass(frozen=True)
class LifeRow:
    """A node and the branches before it."""

    node: Node
    before: str


def rows(trees: Sequence[Node]) -> list[LifeRow]:
    """Every node, from the top."""
    return [row for tree in trees for row in _rows(tree, "", "")]


def _rows(node: Node, before: str, below: str) -> Iterator[LifeRow]:
    yield LifeRow(node, before)
    fork, last, bar = ("├─ ", "└─ ", "│  ") if signs().unicode else ("|- ", "`- ", "|  ")
    for n, child in enumerate(node.children, 1):
        ends = n == len(node.children)
        yield from _rows(child, below + (last if ends else fork), below + ("   " if ends else bar))


def line(row: LifeRow, width: int) -> Line:
    """The node in one line of at most `width` cells: numbers that find no room are left out, the last ones first."""
    name = row.node.name
    drawn: Line = [(row.before, "$quiet"), (name, NAME_STYLES.get(row.node.kind, ""))]
    used, dot = cell_len(row.before) + cell_len(name), f" {signs().dot} "
    if used > width:
        room = max(0, width - cell_len(row.before) - 1)
        return [drawn[0], (set_cell_size(name, room) + signs().more, drawn[1][1])] if room else [drawn[0]]
    for n, value in enumerate(row.node.values):
        text, style = drawn_value(value)
        gap = "  " if n == 0 else dot
        room = width - used - len(gap)
        if cell_len(text) > room:
            if room > 6:
                drawn += [(gap, "$quiet"), (set_cell_size(text, room - 1).rstrip() + signs().more, style)]
            break
        drawn += [(gap, "$quiet"), (text, style)]
        used += len(gap) + cell_len(text)
    return drawn

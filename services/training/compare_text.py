"""A comparison as Markdown and as JSON. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from services.text import clean
from services.training.compare import Comparison, Kind, Row


def markdown(made: Comparison) -> str:
    """Two tables, of figures and of what differs, and the sentences as a list; ends with a line break."""
    titles = [clean(run.title) for run in made.runs]
    lines = [f"# {' against '.join(map(_escaped, titles))}", "", *_table("", titles, _of(made, Kind.FIGURE)), ""]
    if len(made.runs) > 1:
        differing = made.differing
        lines += ["## What differs", ""]
        lines += [*_table("", titles, differing), ""] if differing else ["Nothing that is recorded.", ""]
        same = "; ".join(f"{row.name} {row.cells[0]}" for row in made.alike)
        lines += [f"Alike: {_escaped(same)}.", ""] if same else []
        unsure = ", ".join(row.name for row in made.unsure)
        lines += [f"Not recorded of every run: {_escaped(unsure)}.", ""] if unsure else []
    else:
        lines += ["## Settings", "", *_table("", titles, _of(made, Kind.SETTING)), ""]
    if made.sentences:
        lines += ["## What the facts say", "", *(f"- {_escaped(sentence)}." for sentence in made.sentences), ""]
    return "\n".join(lines)


def _of(made: Comparison, kind: Kind) -> list[Row]:
    return [row for row in made.rows if row.kind is kind]


def _table(corner: str, titles: list[str], rows: list[Row] | tuple[Row, ...]) -> list[str]:
    head = [f"| {' | '.join([corner, *map(_escaped, titles)])} |", f"|{'---|' * (len(titles) + 1)}"]
    return [*head, *(f"| {' | '.join(map(_escaped, (row.name, *row.cells)))} |" for row in rows)]


_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*[]<>|#~"})


def _escaped(text: str) -> str:
    """Text as Markdown shows it as it is; an underscore within a word is no emphasis."""
    return text.translate(_SPECIAL)


def as_json(made: Comparison) -> bytes:
    """The comparison for `compare --json`: an object with the keys runs, rows, changes, warnings and notes.

    A run has its facts (`took_s`, `data_s` and the like in seconds; null: not recorded). A row has name, kind (figure,
    setting), cells (one a run) and differs. A change has first and other (ids of runs), about, before and after
    (seconds), part (of before; -0.74: 74 % less), causes (codes; empty: not explained) and sentence. Keys may be
    added, none goes.
    """
    plain: dict[str, Any] = {
        "runs": [msgspec.to_builtins(run) for run in made.runs],
        "rows": [msgspec.to_builtins(row) for row in made.rows],
        "changes": [msgspec.to_builtins(change) | {"part": change.part} for change in made.changes],
        "warnings": list(made.warnings),
        "notes": list(made.notes),
    }
    return msgspec.json.format(msgspec.json.encode(plain), indent=2)

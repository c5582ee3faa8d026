"""Which rows of a large log are packed, and how: rows in, rows out. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice

from sessions.document import Session
from sessions.models import SessionStatus
from sessions.rows import Packing, Row, Unfit, dictionary

Rows = Mapping[str, Row]

SAMPLES = 200
"""Of so many of the newest sessions a dictionary is made: it takes one of each kind."""


def plain_size(rows: Rows) -> int:
    """The bytes of those that are not packed."""
    return sum(len(memoryview(row.raw)) for row in rows.values() if not row.is_packed)


def size(rows: Rows) -> int:
    """The bytes of these."""
    return sum(len(memoryview(row.raw)) for row in rows.values())


def oldest(rows: Rows, to: int) -> dict[str, Row]:
    """The oldest plain ones of sessions that are over, without which `to` bytes of plain ones are left.

    Ids begin with the time. One that cannot be read is left as it is.
    """
    size = plain_size(rows)
    found: dict[str, Row] = {}
    for name in sorted(rows):
        if size <= to:
            break
        row = rows[name]
        if row.is_packed:
            continue
        with suppress(Unfit):
            if row.session.status is not SessionStatus.RUNNING:
                found[name] = row
                size -= len(memoryview(row.raw))
    return found


def packed(rows: Rows, dictionaries: Rows, *, anew: bool = False) -> tuple[dict[str, Row], dict[str, Row]]:
    """These rows packed, and the dictionaries with the one that they are packed with.

    That is the newest of `dictionaries`; if there is none, or `anew`, one that is made of these rows. Rows that cannot
    be read are left out.
    """
    numbers = [int(name) for name in dictionaries if name.isdecimal()]
    newest = max(numbers, default=0)
    kept = dict(dictionaries)
    if anew or not newest:
        newest += 1
        kept[str(newest)] = dictionary(_newest(rows))
    packing = Packing(kept)
    made: dict[str, Row] = {}
    for name, row in rows.items():
        with suppress(Unfit):
            made[name] = row.packed(str(newest), packing)
    return made, kept


def unused(rows: Rows, dictionaries: Rows) -> set[str]:
    """The dictionaries that none of these rows is packed with."""
    return dictionaries.keys() - {row.packed_with for row in rows.values()}


def _newest(rows: Rows) -> list[Session]:
    found: list[Session] = []
    for name in islice(sorted(rows, reverse=True), SAMPLES):
        with suppress(Unfit):
            found.append(rows[name].session)
    return found

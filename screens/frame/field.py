"""The fields of a form, declared: what each is called, means and takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class FieldKind(Enum):
    """What a field takes."""

    TEXT = auto()
    NUMBER = auto()
    WHOLE = auto()
    """A whole number."""
    PICKER = auto()
    """Text with a list to choose from."""


@dataclass(frozen=True)
class Field:
    """One field of a form, whose input has the same `id`.

    `help`: what to write there and what it means, in sentences; `?` on the form and the line below the field show it.
    `placeholder` says what an empty field means where the form has no default for it. `free`: a picker also takes what
    its list does not have, such as a new dataset's name.
    """

    id: str
    label: str
    help: str = ""
    kind: FieldKind = FieldKind.TEXT
    placeholder: str = ""
    free: bool = False

"""What stands in a form's fields, and what the empty ones mean. Plain values: they may go to another thread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screens.frame.field import Field, FieldKind
from screens.views.signs import clean
from services.refusal import Refusal

LONGEST_NUMBER = 20
"""Characters of a number; no count or duration that makes sense has more."""


@dataclass(frozen=True)
class Entries:
    """`typed` and `defaults` by the fields' ids; an empty field means its default."""

    fields: Sequence[Field]
    typed: Mapping[str, str]
    defaults: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The text of a field, or its default."""
        return self.typed.get(name, "").strip() or self.defaults.get(name, "")

    def number(self, name: str) -> float | None:
        """The number in a field; None if it is empty and has no default. Raises Refusal if it is not a number."""
        field = next(field for field in self.fields if field.id == name)
        whole, text = field.kind is FieldKind.WHOLE, self[name].replace(",", ".")
        if not text:
            return None
        if len(text) > LONGEST_NUMBER:
            raise Refusal(f"a number of at most {LONGEST_NUMBER} characters is needed")
        try:
            return int(text) if whole else float(text)
        except ValueError:
            kind = "a whole number" if whole else "a number"
            raise Refusal(f"{kind} is needed, not {clean(self[name], 20)!r}") from None

    def whole(self, name: str) -> int | None:
        """The whole number in a field, as `number`."""
        found = self.number(name)
        return None if found is None else int(found)

    def about(self, name: str) -> float:
        """The number in a field, 0 if there is none: for what is said beside the form."""
        try:
            found = self.number(name) or 0.0
        except Refusal:
            return 0.0
        return found if math.isfinite(found) and 0 <= found <= 1e9 else 0.0

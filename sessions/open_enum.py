"""Enums whose unknown values survive: a word of another version is read, kept and written as it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """Equal to none of its members, a word that this version does not know is still a value of the enum."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_, unknown._value_ = "UNKNOWN", value
        return unknown

    @property
    def known(self) -> bool:
        """Whether this version has a member of that value."""
        return any(self is member for member in type(self))

"""In which line of an import file a table, or a key of it, stands. TOML's reader does not say it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping

HEADER = re.compile(r"\s*\[\[\s*[\"']?(?P<kind>[A-Za-z0-9_-]+)[\"']?\s*\]\]\s*(#.*)?")
KEY = re.compile(r"\s*[\"']?(?P<key>[A-Za-z0-9_-]+)[\"']?\s*=")


class Lines:
    """The lines of one file. A text over several lines may look like a table: then nothing is said of that kind."""

    def __init__(self, written: str, tables: Mapping[str, int]) -> None:
        """`tables` is how many there are of each kind."""
        self._lines = written.splitlines()
        found: dict[str, list[int]] = {}
        self._headers: list[int] = []
        for at, line in enumerate(self._lines):
            if header := HEADER.fullmatch(line):
                found.setdefault(header["kind"], []).append(at)
                self._headers.append(at)
        self._tables = {kind: places for kind, places in found.items() if len(places) == tables.get(kind)}

    def of(self, kind: str, number: int, key: str = "") -> str:
        """` line 12`: of the key in the n-th table (from 1) of this kind, else of the table; empty if not known."""
        places = self._tables.get(kind, [])
        if not 1 <= number <= len(places):
            return ""
        begin = places[number - 1]
        after = bisect_right(self._headers, begin)
        end = self._headers[after] if after < len(self._headers) else len(self._lines)
        for at in range(begin + 1, end):
            if key and (found := KEY.match(self._lines[at])) and found["key"] == key:
                return f" line {at + 1}"
        return f" line {begin + 1}"

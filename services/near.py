"""The names nearest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean robot.port?`, each with `prefix`; empty where nothing known is like `name`."""
    near = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(prefix + each for each in near)}?" if near else ""

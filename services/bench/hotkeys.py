"""`[hotkeys]` of lab.toml: what is done at a combination of keys wherever the keyboard's focus is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.near import did_you_mean
from services.text import clean

ACTIONS = ("trial", "success", "failure", "void", "take", "stop")
"""What a combination can do: what the keys of a trial and a take do, and hold the arm."""
MODIFIERS = ("ctrl", "alt", "cmd", "shift")
NAMED = (
    "space",
    "enter",
    "tab",
    "home",
    "end",
    "page_up",
    "page_down",
    "insert",
    "delete",
    "up",
    "down",
    "left",
    "right",
)
_FUNCTION = re.compile(r"f([1-9]|1[0-9]|2[0-4])")
EXAMPLE = '"trial" = "ctrl+alt+t"'


def read_hotkeys(table: object) -> dict[str, str]:
    """Combinations by action, as `ctrl+alt+t`, from the table. Raises ValueError: `ACTION: reason`, or a reason."""
    if not isinstance(table, Mapping):
        raise ValueError(f"write a table of actions and combinations, such as {EXAMPLE}")
    found: dict[str, str] = {}
    for action, written in table.items():
        if action not in ACTIONS:
            near = did_you_mean(str(action), ACTIONS)
            raise ValueError(f"{clean(str(action))}: no hotkey does that{near}; there are: {', '.join(ACTIONS)}")
        if not isinstance(written, str):
            raise ValueError(f"{action}: write a combination, such as {EXAMPLE}")
        combination = _combination(action, written)
        if other := next((name for name, taken in found.items() if taken == combination), ""):
            raise ValueError(f"{action}: {combination} is {other} already: choose another combination for one of them")
        found[action] = combination
    return found


def _combination(action: str, written: str) -> str:
    *modifiers, key = (part.strip().lower() for part in written.split("+"))
    said = clean(written)
    if wrong := [each for each in modifiers if each not in MODIFIERS]:
        raise ValueError(f"{action}: no modifier is called {clean(wrong[0])!r} in {said!r}: {', '.join(MODIFIERS)} are")
    if not set(modifiers) - {"shift"}:
        raise ValueError(
            f"{action}: {said!r} has no modifier besides shift, and would act at every letter typed anywhere: write "
            f"such as ctrl+alt+{key or 't'}"
        )
    key = {"pageup": "page_up", "pagedown": "page_down"}.get(key, key)
    if not (key in NAMED or _FUNCTION.fullmatch(key) or (len(key) == 1 and key.isascii() and key.isalnum())):
        raise ValueError(f"{action}: no key is called {clean(key)!r}: a letter, a digit, f1 to f24, {', '.join(NAMED)}")
    return "+".join([*(each for each in MODIFIERS if each in modifiers), key])


def for_pynput(combination: str) -> str:
    """`<ctrl>+<alt>+t`, as pynput reads it."""
    return "+".join(part if len(part) == 1 else f"<{part}>" for part in combination.split("+"))

"""How keys are written on the screens, and which keys lab.toml gives to actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from textual.keys import format_key

_FUNCTION_KEY = re.compile(r"f\d+")
_keymap: dict[str, str] = {}
_added_stops: list[str] = []


def use_keymap(keymap: Mapping[str, str], added_stops: Iterable[str] = ()) -> None:
    """From now on these actions, by id, have these keys (Textual's names, with commas); stop keys as they are shown."""
    _keymap.clear()
    _keymap.update(keymap)
    _added_stops[:] = added_stops


def keymap() -> dict[str, str]:
    """Keys by action, of those that have others than their own."""
    return dict(_keymap)


def shown(key: str) -> str:
    """Textual's name of a key as an operator reads it: `F2` for f2, `[` for left_square_bracket, `ctrl+f`."""
    *modifiers, name = key.split("+")
    sign = format_key(name)  # an arrow for left: its name reads better, and in ASCII
    if name == "escape":
        name = "Esc"
    elif _FUNCTION_KEY.fullmatch(name):
        name = name.upper()
    elif len(sign) == 1 and sign.isascii():
        name = sign
    return "+".join([*modifiers, name])


def key(action: str, default: str) -> str:
    """The key of an action as a sentence names it; `default` is its own key as it is shown."""
    return shown(_keymap[action].partition(",")[0]) if action in _keymap else default


def stop_keys() -> str:
    """All stop keys: `Esc x`, and what lab.toml adds."""
    return " ".join(["Esc", "x", *_added_stops])

"""How keys are written on the screens. Pure."""

from __future__ import annotations

import re

from textual.keys import format_key

_FUNCTION_KEY = re.compile(r"f\d+")


def shown(key: str) -> str:
    """Textual's name of a key as an operator reads it: `F2` for f2, `[` for left_square_bracket, `ctrl+f`."""
    *modifiers, name = key.split("+")
    sign = format_key(name)  # an arrow for left: its name reads better, and in ASCII
    if _FUNCTION_KEY.fullmatch(name):
        name = name.upper()
    elif len(sign) == 1 and sign.isascii():
        name = sign
    return "+".join([*modifiers, name])

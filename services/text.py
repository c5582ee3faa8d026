"""Text from outside, made safe to print: without terminal control sequences."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|.)", re.DOTALL)


def clean(text: str) -> str:
    """`text` without escape sequences and control characters; line breaks and tabs become spaces.

    Bidirectional overrides are removed too: they make a line read differently.
    """
    kept = _SEQUENCES.sub("", text)
    return "".join(
        " " if c in "\n\r\t" else c for c in kept if c in "\n\r\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )

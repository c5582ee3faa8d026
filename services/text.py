"""Untrusted text made safe to print, by removing terminal control sequences."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|.)", re.DOTALL)


def clean(text: str) -> str:
    """`text` without escape sequences and control characters; line breaks and tabs become spaces.

    Bidirectional overrides are removed too, since they change how a line reads.
    """
    kept = _SEQUENCES.sub("", text)
    return "".join(
        " " if c in "\n\r\t" else c for c in kept if c in "\n\r\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )

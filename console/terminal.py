"""Terminal setup that has to precede the import of Textual, and a check of tmux's escape-time."""

from __future__ import annotations

import os
import subprocess

ESCDELAY_MS = 25
"""How long Textual may wait after an ESC byte; a whole sequence arrives in one piece."""
TMUX_ESCAPE_LIMIT_MS = 50


def prepare_terminal() -> None:
    """Set what Textual reads from the environment when it is imported; call it before importing textual."""
    os.environ["ESCDELAY"] = str(ESCDELAY_MS)


def tmux_escape_time() -> int | None:
    """The escape-time of the surrounding tmux in ms; None outside tmux or if it cannot be read.

    Runs tmux and may take up to 1 s: do not call it on the event loop.
    """
    if not os.environ.get("TMUX"):
        return None
    try:
        shown = subprocess.run(
            ["tmux", "show-options", "-sv", "escape-time"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1.0,
            check=True,
        )
        return int(shown.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def escape_time_warning(ms: int | None) -> str | None:
    """A warning with the remedy if tmux's escape-time is too long, else None."""
    if ms is None or ms <= TMUX_ESCAPE_LIMIT_MS:
        return None
    return f"tmux waits {ms} ms after Esc: `tmux set -s escape-time 20`, in ~/.tmux.conf to keep it"

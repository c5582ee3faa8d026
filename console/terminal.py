"""What the console asks of the terminal before Textual is loaded, and of the tmux around it."""

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
    """How long the tmux around this terminal waits after Esc, in ms; None outside tmux or where it won't say.

    Runs tmux and may take up to 1 s: not on the event loop.
    """
    if not os.environ.get("TMUX"):
        return None
    try:
        told = subprocess.run(
            ["tmux", "show-options", "-sv", "escape-time"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1.0,
            check=True,
        )
        return int(told.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def escape_time_warning(ms: int | None) -> str | None:
    """What to tell the operator about tmux's escape-time, with the remedy; None when it is short enough."""
    if ms is None or ms <= TMUX_ESCAPE_LIMIT_MS:
        return None
    return f"tmux waits {ms} ms after Esc: `tmux set -s escape-time 20`, in ~/.tmux.conf to keep it"

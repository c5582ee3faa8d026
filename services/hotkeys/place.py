"""Whether global hotkeys can work where this console runs: on a local X display, and nowhere else. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def why_off(env: Mapping[str, str]) -> str:
    """Why they are off, in words; empty if they can work."""
    if any(env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return "over SSH they would listen to this machine's keyboard, and not to yours"
    display = env.get("DISPLAY", "")
    if env.get("WAYLAND_DISPLAY") or env.get("XDG_SESSION_TYPE") == "wayland":
        return "Wayland tells no program the keys of another one: they need a session under X"
    if not display:
        return "there is no X display here ($DISPLAY is empty)"
    host = display.rpartition(":")[0]
    if host not in ("", "unix"):
        return f"$DISPLAY is {display}: they listen to the keyboard of a local X display only"
    return ""

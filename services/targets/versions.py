"""The versions of what matters for a training, here and on a target."""

from __future__ import annotations

from importlib import metadata

from services.targets.protocol import Hello
from services.text import clean
from sessions.target import Target


def versions() -> dict[str, str]:
    """Of this machine's distributions."""
    return {name: _version(name) for name in ("lab-console", "lerobot")}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def differences(target: Target, hello: Hello) -> tuple[str, ...]:
    """Sentences on what is of another version there."""
    here, place = versions(), clean(target.place)
    return tuple(
        f"{name} is {clean(there)} on {place} and {here.get(name, 'unknown')} here"
        for name, there in hello.versions.items()
        if there != here.get(name)
    )

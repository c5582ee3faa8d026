"""safetensors files without torch: whether they are whole, and the shapes of what they hold."""

from __future__ import annotations

from pathlib import Path


def whole(path: Path) -> bool:
    """Whether the file has a header, and is as long as that says."""
    return _shapes(path) is not None


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Its tensors' shapes by name; nothing of a file that cannot be read."""
    return _shapes(path) or {}


def _shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    """None of a file that is damaged, cut short, another's or not there; no tensor is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None

"""safetensors files without torch: whether they are whole, and the shapes of their tensors."""

from __future__ import annotations

from pathlib import Path

from sessions.files import check_file


def whole(path: Path) -> bool:
    """Whether the file has a header and the length that its header states."""
    return _shapes(path) is not None


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The tensors' shapes by name; empty if the file cannot be read."""
    return _shapes(path) or {}


def _shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    """The shapes, without reading a tensor; None if the file is damaged, cut short, of another format or missing."""
    from safetensors import SafetensorError, safe_open

    try:
        check_file(path)
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None

"""Whether an episode is still the one that was marked under its number."""

from __future__ import annotations

from pathlib import Path

from services.datasets.marks import read_marks


def is_another(root: Path, episode: int) -> bool:
    """Whether the episode of this number has other values than the mark of that number is bound to.

    False if that cannot be told: an unbound mark, or no data. Raises OSError.
    """
    bound = read_marks(root).contents.get(episode)
    if not bound:
        return False
    from services.datasets.content import content_of  # it loads pyarrow, which most callers do without

    held = content_of(root, episode)
    return bool(held) and held != bound

"""What a second judge thinks of the last trial, once its verdict is given. Pure."""

from __future__ import annotations

from screens.views import keys
from screens.views.measured import Part
from screens.views.phase_view import press
from services.live.snapshots import Snapshot
from services.log.rows.second_judge_rows import opinion_words


def second_parts(snapshot: Snapshot) -> tuple[Part, ...]:
    """That he disagrees, and the key that shows the trial again; nothing where he agrees or has no opinion."""
    words = opinion_words(snapshot.trial) if snapshot.trial is not None else ""
    return (Part(words, 1), press(keys.LOOK, "looks again", rank=1)) if words else ()

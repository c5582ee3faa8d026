"""How a watched run stands, in its state and in the line below the progress bar. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.views.measured import Part
from screens.views.signs import clean
from services.tone import Tone
from services.units import duration

if TYPE_CHECKING:
    from services.training.watching.watched_run import Watched

SILENT_S = 60.0
"""A log that says nothing for so long is said to be silent; one point may take minutes."""

BARE = "checkpoints only: no log is with them, so its curves are not known"


def silent(watched: Watched, now: float) -> float:
    """Seconds since it last grew, if that is long and more could come; else 0."""
    seconds = now - watched.heard_at if watched.heard_at else 0.0
    return seconds if seconds >= SILENT_S and not watched.over and not watched.end and not watched.bare else 0.0


def parts(watched: Watched, now: float) -> list[Part]:
    """What is watched, whether it speaks, and that it is not stopped from here."""
    found = []
    if watched.failure:
        found.append(Part(clean(watched.failure, 200), 0, Tone.DANGER))
    elif watched.end:
        found.append(Part("its log says that it ended", 0))
    elif watched.bare:
        found.append(Part(BARE, 0, Tone.WARNING))
    elif watched.over:
        found.append(Part("nothing more comes, and its log does not say how it ended", 0, Tone.WARNING))
    elif seconds := silent(watched, now):
        found.append(Part(f"no line for {duration(seconds)}", 0, Tone.WARNING))
    if watched.note and not watched.over and not watched.end:
        found.append(Part(watched.note, 1))
    if watched.estimates:
        every = "its newest step is" if watched.estimated else f"{watched.estimates:,} of its steps are"
        found.append(Part(f"{every} estimated: the log rounds", 1, Tone.WARNING))
    found.append(Part(f"watched: {clean(watched.where, 120)}", 2, Tone.QUIET))
    found.append(Part("started elsewhere: stop it there", 1, Tone.QUIET))
    return found

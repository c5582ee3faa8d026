"""The rows of a recording's page, and of an evaluation's those about takes and motions."""

from __future__ import annotations

from services.log.headline import NOT_RECORDED
from services.log.rows.imported_recording import imported_rows
from services.log.rows.scene_rows import scene_rows
from services.log.sections import Row, Symbol, quiet, row, text
from services.tone import Tone
from services.units import number
from sessions.document import Session
from sessions.models import Episode, SessionKind
from sessions.trials import place, places


def recording_rows(session: Session) -> list[Row]:
    """What was recorded: dataset, task and episodes; of an imported recording what was written down."""
    known = session.started.recording
    target = f" of {session.target}" if session.target else ""
    missing = NOT_RECORDED if known else ""
    return [
        row("dataset", text(session.dataset, strong=True)),
        row("dataset", quiet(session.dataset_root)),
        *([] if known and known.tasks else [row("task", f'"{session.task}"' if session.task else quiet(missing))]),
        *lost(session),
        *flagged(session),
        *(
            [row("episodes", f"{session.accepted}{target} accepted, {session.rejected} rejected")]
            if known is None or session.episodes
            else []
        ),
        *scene_rows(session),
        *imported_rows(session),
    ]


def flagged(session: Session) -> list[Row]:
    """What is wrong with each episode, or with each trial's motion."""
    rows, numbers = [], places(session.trials)
    for episode in session.episodes:
        if episode.flags:
            take = f"take {episode.take:02}" if episode.take else f"episode {episode.index}"
            name = f"trial {numbers[episode.take]}" if episode.take in numbers else take
            rows.append(row("flagged", text(f"{name}: {', '.join(episode.flags)}", Tone.WARNING, Symbol.WARNING)))
    return rows


def episode_row(episode: Episode) -> Row:
    """An episode by its take, as the strip has it, with its length and its number in the dataset."""
    tone, mark = (Tone.SUCCESS, Symbol.YES) if episode.accepted else (Tone.DANGER, Symbol.NO)
    if episode.accepted and episode.flags:
        tone, mark = Tone.WARNING, Symbol.WARNING
    retried = ", ".join(f"{arm} {count}" for arm, count in episode.retried.items())
    by = f" by {episode.marked_by}" if episode.marked_by else ""
    word = "accepted" if episode.accepted else "rejected"
    marked = f"{word}{by}{f': {episode.why}' if episode.why else ''}" if by or episode.why else ""
    return row(
        f"take {episode.take:02}" if episode.take else f"episode {episode.index}",
        text("", tone, mark, strong=True),
        quiet(f"{number(round(episode.seconds, 1))} s"),
        quiet(f"retried: {retried}" if retried else ""),
        text(f"marked at {episode.moment_times}" if episode.moments else "", Tone.ACCENT),
        text(marked),
        quiet(f"episode {episode.index}" if episode.take else ""),
    )


def lost(session: Session) -> list[Row]:
    """Takes, or motions of trials, that were not saved as episodes."""
    rows = []
    for lost in session.lost:
        trial = session.kind is SessionKind.EVAL
        name = f"motion of trial {place(session.trials, lost.take)}" if trial else f"take {lost.take}"
        why = text(f"{name}: {lost.reason}", Tone.WARNING, Symbol.WARNING)
        rows.append(row("lost", why, quiet(f"what there is of it: {lost.where}" if lost.where else "")))
    return rows

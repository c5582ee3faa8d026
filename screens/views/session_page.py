"""A session in words: one row of the log, and one opened in full. Pure: from the document to Content."""

from __future__ import annotations

from textual.content import Content

from screens.views.page_rows import COLUMN, cells, fact
from screens.views.session_rows import session_sign
from screens.views.signs import clean, signs
from services.units import number
from sessions.models import Episode, Session, SessionKind


def page(session: Session, width: int) -> Content:
    """Everything that the log knows, in sections."""
    from services.log.headline import headline

    head = headline(session)
    sign, tone = session_sign(session)
    state = f"{session.status.value}{': ' + clean(session.end_reason) if session.end_reason else ''}"
    rows = [
        Content.assemble((f"{sign} {state}", f"bold {tone}")),
        Content(""),
        fact("kind", head.kind),
        fact("started", head.when + (f", took {head.duration}" if head.duration else "")),
        fact("operator", clean(session.operator) or "not told"),
        fact("bench", f"{clean(session.bench)} on {clean(session.host)}")
        if session.bench
        else fact("host", clean(session.host)),
    ]
    rows += _came_of_it(session, width)
    rows += _remarks(session)
    rows += [Content(""), fact("versions", ", ".join(f"{clean(k)} {clean(v)}" for k, v in session.versions.items()))]
    if session.git_commit:
        rows.append(fact("commit", clean(session.git_commit)))
    return Content("\n").join(rows)


def _came_of_it(session: Session, width: int) -> list[Content]:
    match session.kind:
        case SessionKind.RECORD:
            return _recorded(session, width)
        case SessionKind.TRAIN:
            from screens.views.session_page_train import trained

            return trained(session)
        case SessionKind.EVAL:
            from screens.views.session_page_eval import evaluated

            return evaluated(session, width)
        case _:
            return []


def _recorded(session: Session, width: int) -> list[Content]:
    rejected = len(session.episodes) - session.accepted
    rows = [
        fact("dataset", clean(session.dataset)),
        fact("", clean(session.dataset_root)),
        fact("task", f'"{clean(session.task)}"'),
        fact("episodes", f"{session.accepted} of {session.target_episodes} accepted, {rejected} rejected"),
    ]
    return rows + _episode_rows(session.episodes, max(20 + COLUMN, width))


def _episode_rows(episodes: tuple[Episode, ...], width: int) -> list[Content]:
    """Episodes as cells, a few per row; flagged ones say why below."""
    flagged = [e for e in episodes if e.flags]
    why = [fact("", f"{signs().warning} episode {e.index}: {clean(', '.join(e.flags))}") for e in flagged]
    return cells(map(_episode, episodes), width, 18) + why


def _episode(episode: Episode) -> Content:
    s = signs()
    tone = "$error" if not episode.accepted else "$warning" if episode.flags else "$success"
    sign = s.no if not episode.accepted else s.warning if episode.flags else s.yes
    seconds = f" {number(round(episode.seconds, 1))} s"
    return Content.assemble((f"{episode.index:>4}{sign}", f"bold {tone}"), (seconds, "$quiet"))


def _remarks(session: Session) -> list[Content]:
    rows = []
    if session.tags:
        rows.append(fact("tags", "  ".join(f"#{clean(tag)}" for tag in session.tags)))
    for at, alarm in enumerate(session.alarms):
        rows.append(fact("alarms" if at == 0 else "", f"{signs().warning} {clean(alarm)}"))
    for at, note in enumerate(session.notes):
        when = clean(note.at_utc).replace("T", " ").rstrip("Z")
        said = f"{clean(note.text, 2000)}  ({clean(note.author) or 'unsigned'}, {when} UTC)"
        rows.append(fact("notes" if at == 0 else "", said))
    if not session.notes:
        rows.append(fact("notes", ("none", "$quiet")))
    return [Content(""), *rows]

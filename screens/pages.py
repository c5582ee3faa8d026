"""A session in words: one row of the log, and one opened in full. Pure: from the document to Content."""

from __future__ import annotations

from textual.content import Content

from screens.today import session_sign
from screens.words import clean, fit, number, signs
from sessions.models import Episode, Session, SessionKind


def session_row(session: Session, width: int) -> Content:
    """`✓ 2026-02-19 14:32  record  pick_place  12 of 50  2✗ 1⚠  31 m 02 s  #night`."""
    from services.logbook import headline

    head = headline(session)
    sign, tone = session_sign(session)
    when = head.when if width >= 110 else head.when[5:]
    return Content.assemble(
        (f"{sign} ", f"bold {tone}"),
        (fit(when, len(when) + 2), "$quiet"),
        fit(head.kind, 8),
        (fit(head.what, 20 if width < 110 else 32) + " ", "bold"),
        *_counts(session),
        (fit(head.duration, 11), "$quiet"),
        ("  ".join(head.marks), "$warning"),
    )


def _counts(session: Session) -> list[tuple[str, str]]:
    """Kept of wanted, rejected, flagged, in columns; spaces where there are none to count."""
    s = signs()
    if session.kind is not SessionKind.RECORD:
        return [(fit("", 20), "")]
    rejected = len(session.episodes) - session.accepted
    flagged = sum(bool(e.flags) for e in session.episodes)
    return [
        (fit(f"{session.accepted} of {session.target_episodes}", 10), ""),
        (fit(f"{rejected}{s.no}" if rejected else "", 5), "$error"),
        (fit(f"{flagged}{s.warning}" if flagged else "", 5), "$warning"),
    ]


def page(session: Session, width: int) -> Content:
    """Everything that the log knows, in sections."""
    from services.logbook import headline

    head = headline(session)
    sign, tone = session_sign(session)
    state = f"{session.status.value}{': ' + clean(session.end_reason) if session.end_reason else ''}"
    rows = [
        Content.assemble((f"{sign} {state}", f"bold {tone}")),
        Content(""),
        _row("kind", head.kind),
        _row("started", head.when + (f", took {head.duration}" if head.duration else "")),
        _row("operator", clean(session.operator) or "not told"),
        _row("bench", f"{clean(session.bench)} on {clean(session.host)}"),
    ]
    if session.kind is SessionKind.RECORD:
        rows += _recorded(session, width)
    rows += _remarks(session)
    rows += [Content(""), _row("versions", ", ".join(f"{clean(k)} {clean(v)}" for k, v in session.versions.items()))]
    if session.git_commit:
        rows.append(_row("commit", clean(session.git_commit)))
    return Content("\n").join(rows)


def _row(name: str, text: str) -> Content:
    return Content.assemble((fit(name, 11), "$quiet"), text)


def _recorded(session: Session, width: int) -> list[Content]:
    rejected = len(session.episodes) - session.accepted
    rows = [
        _row("dataset", clean(session.dataset)),
        _row("", clean(session.dataset_root)),
        _row("task", f'"{clean(session.task)}"'),
        _row("episodes", f"{session.accepted} of {session.target_episodes} accepted, {rejected} rejected"),
    ]
    return rows + _episode_rows(session.episodes, max(20, width - 11))


def _episode_rows(episodes: tuple[Episode, ...], width: int) -> list[Content]:
    """Episodes as cells, a few per row; flagged ones say why below."""
    s = signs()
    per_row = max(1, width // 18)
    rows = []
    for start in range(0, len(episodes), per_row):
        parts: list[tuple[str, str]] = [(fit("", 11), "")]
        for episode in episodes[start : start + per_row]:
            tone = "$error" if not episode.accepted else "$warning" if episode.flags else "$success"
            sign = s.no if not episode.accepted else s.warning if episode.flags else s.yes
            text = f"{episode.index:>4}{sign}"
            parts += [(text, f"bold {tone}"), (fit(f" {number(round(episode.seconds, 1))} s", 13), "$quiet")]
        rows.append(Content.assemble(*parts))
    for episode in episodes:
        if episode.flags:
            rows.append(_row("", f"{s.warning} episode {episode.index}: {clean(', '.join(episode.flags))}"))
    return rows


def _remarks(session: Session) -> list[Content]:
    rows = []
    if session.tags:
        rows.append(_row("tags", "  ".join(f"#{clean(tag)}" for tag in session.tags)))
    for at, alarm in enumerate(session.alarms):
        rows.append(_row("alarms" if at == 0 else "", f"{signs().warning} {clean(alarm)}"))
    for at, note in enumerate(session.notes):
        when = clean(note.at_utc).replace("T", " ").rstrip("Z")
        said = f"{clean(note.text, 2000)}  ({clean(note.author) or 'unsigned'}, {when} UTC)"
        rows.append(_row("notes" if at == 0 else "", said))
    if not session.notes:
        rows.append(Content.assemble((fit("notes", 11), "$quiet"), ("none", "$quiet")))
    return [Content(""), *rows]

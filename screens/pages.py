"""A session in words: one row of the log, and one opened in full. Pure: from the document to Content."""

from __future__ import annotations

from textual.content import Content

from screens.facts import COLUMN, cells, fact
from screens.today import session_sign
from screens.words import clean, fit, number, signs
from sessions.models import Episode, Session, SessionKind, Training, Verdict

WIDE = 110


def session_row(session: Session, width: int) -> Content:
    """`✓ 2026-02-19 14:32  record  pick_place  12 of 50  2✗ 1⚠  31 m 02 s  #night`."""
    from services.headline import headline

    head = headline(session)
    sign, tone = session_sign(session)
    wide = width >= WIDE
    when = head.when if wide else head.when[5:]
    return Content.assemble(
        (f"{sign} ", f"bold {tone}"),
        (fit(when, len(when) + 2), "$quiet"),
        fit(head.kind, 8),
        (fit(head.what, 28 if wide else 20) + " ", "bold"),
        *_counts(session, 28 if wide else 20),
        (fit(head.duration, 11), "$quiet"),
        ("  ".join(head.marks), "$warning"),
    )


def _counts(session: Session, width: int) -> list[tuple[str, str]]:
    """What came of it, in columns of `width` cells together; spaces where there is nothing to count."""
    match session.kind:
        case SessionKind.RECORD:
            parts = _kept(session)
        case SessionKind.TRAIN if session.training is not None:
            parts = _steps(session.training, width)
        case SessionKind.EVAL:
            parts = _verdicts(session, width)
        case _:
            parts = []
    used = sum(len(text) for text, _ in parts)
    return [*parts, (" " * max(0, width - used), "")]


def _kept(session: Session) -> list[tuple[str, str]]:
    s = signs()
    rejected = len(session.episodes) - session.accepted
    flagged = sum(bool(e.flags) for e in session.episodes)
    return [
        (fit(f"{session.accepted} of {session.target_episodes}", 10), ""),
        (fit(f"{rejected}{s.no}" if rejected else "", 5), "$error"),
        (fit(f"{flagged}{s.warning}" if flagged else "", 5), "$warning"),
    ]


def _steps(training: Training, width: int) -> list[tuple[str, str]]:
    """`3,210/20,000 steps`, and the loss where it fits."""
    from services.headline import training_counts

    total = f"/{training.total_steps:,}" if training.steps < training.total_steps else ""
    steps = f"{training.steps:,}{total} steps"
    loss = next((f"  {word}" for word in training_counts(training)[1:] if word.startswith("loss")), "")
    return [(fit(steps + (loss if len(steps + loss) < width else ""), width - 1), "")]


def _verdicts(session: Session, width: int) -> list[tuple[str, str]]:
    """`12✓ 8✗ 1○ 60 % [39, 78]`; without the interval where that does not fit."""
    from services.headline import rate

    s = signs()
    success, failure, void = (session.count(v) for v in (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID))
    parts = [(f"{success}{s.yes} ", "$success"), (f"{failure}{s.no} ", "$error")]
    parts += [(f"{void}{s.void} ", "$quiet")] if void else []
    words = rate(success, success + failure)
    left = width - 1 - sum(len(text) for text, _ in parts)
    return [*parts, (words if len(words) <= left else words.partition(" [")[0], "")]


def page(session: Session, width: int) -> Content:
    """Everything that the log knows, in sections."""
    from services.headline import headline

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
            from screens.pages_train import trained

            return trained(session)
        case SessionKind.EVAL:
            from screens.pages_eval import evaluated

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

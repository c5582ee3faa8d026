"""What Bench lists: sessions that run, and today's sessions. Read in a thread; drawn as rows."""

from __future__ import annotations

from math import ceil
from pathlib import Path

from textual.content import Content

from screens.views.signs import clean, fit, signs
from services.live.snapshots import Snapshot, TrainingState
from services.log.today import Running
from sessions.models import Session, SessionKind, SessionStatus, Training, Verdict

WIDE = 110


def session_row(session: Session, width: int) -> Content:
    """`✓ 2026-02-19 14:32  record  pick_place  12 of 50  2✗ 1⚠  31 m 02 s  #night`."""
    from services.log.headline import headline

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
    from services.log.headline import training_counts

    total = f"/{training.total_steps:,}" if training.steps < training.total_steps else ""
    steps = f"{training.steps:,}{total} steps"
    loss = next((f"  {word}" for word in training_counts(training)[1:] if word.startswith("loss")), "")
    return [(fit(steps + (loss if len(steps + loss) < width else ""), width - 1), "")]


def _verdicts(session: Session, width: int) -> list[tuple[str, str]]:
    """`12✓ 8✗ 1○ 60 % [39, 78]`; without the interval where that does not fit."""
    from services.log.headline import rate

    s = signs()
    success, failure, void = (session.count(v) for v in (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID))
    parts = [(f"{success}{s.yes} ", "$success"), (f"{failure}{s.no} ", "$error")]
    parts += [(f"{void}{s.void} ", "$quiet")] if void else []
    words = rate(success, success + failure)
    left = width - 1 - sum(len(text) for text, _ in parts)
    return [*parts, (words if len(words) <= left else words.partition(" [")[0], "")]


def running_row(item: Running, attached: str) -> Content:
    """`● recording  pick_place   4/50   attached`; of a training its step and the time left."""
    trains = item.snapshot.training is not None
    mine = "attached" if item.run.id == attached else "" if trains else "a attaches"  # no room: the hint says it
    return Content.assemble(
        (f"{signs().live} ", "bold $accent"), (fit(item.snapshot.phase.value, 10), "bold"),
        *_what_runs(item.snapshot), (mine, "$accent" if mine == "attached" else "$quiet"),
    )  # fmt: skip


def _what_runs(snapshot: Snapshot) -> tuple[str, str]:
    """What it is about and how far it is, padded to their columns."""
    started, training = snapshot.started, snapshot.training
    if started is None:
        return fit("starting", 22), fit("", 8)
    match started.kind:
        case SessionKind.TRAIN:
            name = training.started.output_dir if training else str(started.config.get("name", ""))
            return fit(clean(Path(name).name), 12), _steps_and_eta(training) if training else ""
        case SessionKind.EVAL:
            count = f"{snapshot.judged}/{started.target_trials}"
            return fit(clean(started.dataset), 22), fit(count, 8)
        case SessionKind.RECORD:
            count = f"{snapshot.accepted}/{started.target_episodes}" if started.target_episodes else ""
            return fit(clean(started.dataset), 22), fit(count, 8)
        case _:
            return fit(clean(started.purpose or "bench"), 22), fit("", 8)


def _steps_and_eta(training: TrainingState) -> str:
    """`step 3,210/20,000 ETA 2h `."""
    left = training.seconds_left
    eta = "" if left is None else f" ETA {_roughly(left)}"
    return f"step {training.step:,}/{training.started.steps:,}{eta} "


def _roughly(seconds: float) -> str:
    """`2h`, `35m`, `<1m`: for where there is no room for more."""
    minutes = ceil(seconds / 60)
    if minutes >= 100:
        return f"{round(minutes / 60)}h"
    return f"{minutes}m" if seconds >= 60 else "<1m"


STATUS = {
    SessionStatus.FINISHED: ("yes", "$success"),
    SessionStatus.ABORTED: ("void", "$warning"),
    SessionStatus.CRASHED: ("no", "$error"),
    SessionStatus.RUNNING: ("live", "$accent"),
}


def session_sign(session: Session) -> tuple[str, str]:
    """The sign and tone of how a session ended."""
    name, tone = STATUS[session.status]
    return getattr(signs(), name), tone


def ended_row(session: Session) -> Content:
    """`✓ 14:02 record  pick_place  12 of 50 kept  31 m`."""
    from services.log.headline import headline

    head = headline(session)
    sign, tone = session_sign(session)
    counts = _tally(session) if session.kind is SessionKind.EVAL else head.counts
    if session.kind is SessionKind.TRAIN:
        counts = head.counts.partition("  ")[0]
    return Content.assemble(
        (f"{sign} ", f"bold {tone}"), (fit(head.when[-5:], 6), "$quiet"), fit(head.kind, 8), fit(head.what, 22),
        (f"{counts or head.duration}  ", "$quiet"), (" ".join(head.marks), "$warning"),
    )  # fmt: skip


def _tally(session: Session) -> str:
    """`6/15  [20, 64] %`: successes of the trials that count, and the interval of their rate."""
    from services.log.headline import rate

    success = session.count(Verdict.SUCCESS)
    judged = success + session.count(Verdict.FAILURE)
    return f"{success}/{judged}  {rate(success, judged).partition(' % ')[2]} %" if judged else ""

"""A session in one line: when, what, and its counts. For the Log screen and the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from services.checkpoints.checkpoint import label
from services.live.preflight_table import in_brief
from services.live.preflights import newest
from services.text import clean
from services.units import duration, value
from sessions import upgrade
from sessions.blinding import CODES, blind
from sessions.document import Session, Training
from sessions.models import AlarmCount, SessionKind, SessionStatus, Verdict
from sessions.requests import EvalRequest, TrainRequest
from sessions.statistics import wilson


@dataclass(frozen=True)
class Headline:
    """The parts of a session's line in the log: plain text without markup, safe to show."""

    when: str
    kind: str
    what: str
    counts: str
    duration: str
    marks: tuple[str, ...]


def headline(session: Session, zone: tzinfo | None = None, part: str = "") -> Headline:
    """The session's headline; times in `zone`, by default the machine's. `part` says what it is a part of."""
    return Headline(
        when=began(session, zone),
        kind=session.kind.value,
        what=subject(session),
        counts=counts(session),
        duration=_duration(session),
        marks=tuple(filter(None, (part, *_marks(session)))),
    )


# -- subject ------------------------------------------------------------------------------------------


def subject(session: Session) -> str:
    """The session's subject: a run's name, the evaluated checkpoint, else dataset, task or bench."""
    if session.kind is SessionKind.TRAIN:
        return clean(_run_name(session))
    if session.kind is SessionKind.EVAL and session.checkpoint:
        others = len(session.request.further_checkpoints) if isinstance(session.request, EvalRequest) else 0
        if blind(session.request):
            return f"policies {session.checkpoint} to {CODES[others]}, blinded"
        return clean(label(session.checkpoint)) + (f" and {others} more" if others else "")
    return clean(session.dataset or session.task or session.bench)


def _run_name(session: Session) -> str:
    request = session.request
    folder = Path(session.training.started.output_dir).name if session.training else ""
    requested = request.name if isinstance(request, TrainRequest) else ""
    return folder or requested or f"{policy_of(session) or 'a policy'} on {session.dataset}"


def policy_of(session: Session) -> str:
    """The policy that a training trained or was to train; empty for other sessions."""
    if session.training:
        return session.training.started.policy
    return session.request.policy if isinstance(session.request, TrainRequest) else ""


# -- how much -----------------------------------------------------------------------------------------


def counts(session: Session) -> str:
    """`49 of 50 kept  1 rejected`, `20,000 steps  loss 0.006  4 checkpoints`, `12 success 8 failure 60 % [39, 78]`."""
    match session.kind:
        case SessionKind.RECORD:
            return _kept(session)
        case SessionKind.TRAIN:
            return "  ".join(training_counts(session.training)) if session.training else ""
        case SessionKind.EVAL:
            counted = verdict_counts({verdict: session.count(verdict) for verdict in Verdict}) if session.trials else ""
            return counted or _looked(session)
        case _:
            return ""


def _looked(session: Session) -> str:
    """`preflight: 1 bad`, of a session that made only that."""
    only = isinstance(session.request, EvalRequest) and session.request.looks_only
    made = newest(session.preflights) if only else None
    return f"preflight: {in_brief(made.checks)}" if made is not None else ""


def _kept(session: Session) -> str:
    if not session.episodes and session.started.recording is not None:
        return session.started.recording.kept_words
    target = f" of {session.target}" if session.target else ""
    flagged = sum(bool(episode.flags) for episode in session.episodes)
    extra = [f"{number} {word}" for number, word in ((session.rejected, "rejected"), (flagged, "flagged")) if number]
    return "  ".join([f"{session.accepted}{target} kept", *extra])


def training_counts(training: Training) -> list[str]:
    """Steps, loss and checkpoints; the last two only if there are any."""
    number = len(training.checkpoints)
    words = [steps_made(training), *filter(None, [loss_of(training)])]
    return words + ([f"{number} checkpoint{'' if number == 1 else 's'}"] if number else [])


def steps_made(training: Training, of: str = " of ") -> str:
    """`20,000 steps`, `3,210 of 20,000 steps`."""
    steps = training.started.steps
    return f"{training.step:,}{f'{of}{steps:,}' if training.step < steps else ''} steps"


def loss_of(training: Training) -> str:
    """`loss 0.00600`; empty before the first log point."""
    return "" if training.loss is None else f"loss {figure(training, training.loss)}"


def figure(training: Training, number: float) -> str:
    """A figure of a training with three digits; of an imported one as it was written down."""
    written = training.started.recorded is not None and 1e-4 <= abs(number) < 1e5
    return f"{number:g}" if written else value(number)


def verdict_counts(number: dict[Verdict, int]) -> str:
    """`12 success 8 failure 1 void 60 % [39, 78]`; void trials only if there are any, the rate without them."""
    success, failure, void = (number[v] for v in (Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID))
    parts = [f"{success} success {failure} failure", f"{void} void" if void else "", rate(success, success + failure)]
    return " ".join(part for part in parts if part)


def rate(successes: int, judged: int) -> str:
    """`60 % [39, 78]`: the success rate and its 95 % Wilson interval; empty before the first trial that counts."""
    return f"{share(successes, judged)} {bounds(successes, judged)}" if judged else ""


def share(successes: int, judged: int) -> str:
    """`60 %`: the success rate of at least one trial that counts."""
    return f"{100 * successes / judged:.0f} %"


def bounds(successes: int, judged: int) -> str:
    """`[39, 78]`: its 95 % Wilson interval in percent."""
    low, high = wilson(successes, judged)
    return f"[{100 * low:.0f}, {100 * high:.0f}]"


# -- when ---------------------------------------------------------------------------------------------

NOT_RECORDED = "not recorded"
"""What an imported session says where a fact is missing."""


def began(session: Session, zone: tzinfo | None = None) -> str:
    """When it began, `2026-02-17 14:20`; of an imported session perhaps the day alone, or that it is not recorded."""
    at = session.started_utc
    return (local(at, zone) if "T" in at else at) or NOT_RECORDED


def local(utc: str, zone: tzinfo | None = None) -> str:
    """`2026-02-17 14:20` in `zone`, by default the machine's; text that is not a time is returned as it is."""
    try:
        return datetime.fromisoformat(utc).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return clean(utc)


def clock(at: float, zone: tzinfo | None = None) -> str:
    """`14:20:05` of a Unix time in `zone`, by default the machine's; empty for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""


def alarm_counts(session: Session) -> tuple[AlarmCount, ...]:
    """Its alarms, equal ones as one; those of older files without a time (0)."""
    counted = Counter(session.alarms).items()
    return session.alarm_counts or tuple(AlarmCount(text=each, first=0.0, times=times) for each, times in counted)


def camera_alarms(session: Session) -> Iterable[tuple[str, str]]:
    """(camera, text) of its alarms about cameras; from older files also (other word, text) of other alarms."""
    for count in alarm_counts(session):
        camera = upgrade.alarmed_camera(count.text) if count.camera is None else count.camera
        if camera:
            yield camera, count.text


def seconds(session: Session) -> float:
    """How long the session took, without pauses; 0 while it runs, and where that is not known."""
    if session.ended and session.ended.took_s:
        return session.ended.took_s
    if session.started.day_only:
        return 0.0
    try:
        began, ended = map(datetime.fromisoformat, (session.started_utc, session.ended_utc or ""))
    except ValueError:
        return 0.0
    return max(0.0, (ended - began).total_seconds() - (session.training.paused_s if session.training else 0.0))


def _duration(session: Session) -> str:
    took = seconds(session)
    return duration(took) if took or (session.ended_utc and not session.started.imported) else ""


def outcome(session: Session) -> str:
    """`finished by tg`, `stopped by tg at step 3210 of 20000, checkpoint saved`, `crashed: the worker vanished`.

    The reason alone where it says the status already.
    """
    word, reason = session.status.value, clean(session.end_reason)
    if session.cut_short and reason:
        return reason
    return reason if reason.startswith(word) else f"{word}: {reason}" if reason else word


def _marks(session: Session) -> Iterable[str]:
    if session.started.imported:
        yield "imported"
    if session.brought_in is not None:
        yield clean(f"from {session.bench or 'elsewhere'}{f' on {session.host}' if session.host else ''}")
    if session.status is not SessionStatus.FINISHED:
        yield session.status.value
    if session.training is not None and session.training.resumed:
        yield "resumed"
    if session.trained_on is not None:
        yield f"on {clean(session.trained_on.place)}"
    if session.training is not None and session.training.started.excluded_cameras:
        yield clean(f"without {', '.join(session.training.started.excluded_cameras)}")
    if session.started.recorded is not None and session.started.recorded.cameras_left_out:
        yield clean(f"without {', '.join(session.started.recorded.cameras_left_out)}")
    if session.reset:
        yield clean(f"reset: {session.reset}")
    if session.alarms:
        others = len(alarm_counts(session)) - 1
        more = f" (+{others})" if others > 0 else ""
        yield clean(session.alarms[-1]) + more
    if session.notes:
        yield f"{len(session.notes)} note{'' if len(session.notes) == 1 else 's'}"
    for tag in session.tags:
        yield "#" + clean(tag)

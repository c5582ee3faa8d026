"""The lines above the plots of Train: state, progress, times and how it ended. Pure: from a shown run to Content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from screens.views import keys, watched
from screens.views.measured import Part, sentence
from screens.views.shown_run import ShownRun
from screens.views.signs import STYLES, clean, signs
from services.live.events import TrainingProgressed
from services.live.phases import Phase
from services.live.reasons import Step
from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot, advance
from services.log.rows import resumed_rows
from services.tone import Tone
from services.units import duration
from sessions.document import Training
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.training.curves import Reading
    from services.training.watching.watched_run import Watched


@dataclass(frozen=True)
class State:
    """The state of a training: a word, its sign and tone."""

    word: str
    sign: str
    tone: Tone


def state(run: ShownRun) -> State:
    """The current phase; afterwards how the training ended."""
    snapshot = run.snapshot
    if run.watched is not None:
        return watched_state(run.watched)
    if run.live:
        word = snapshot.phase.value.upper() if snapshot.phase is not Phase.ENDED else "ENDING"
        return State(word, signs().live, Tone.ACCENT)
    if run.foreign:
        return State("NO SESSION", signs().void, Tone.QUIET)
    if diverged(snapshot):
        return State("FINISHED", signs().warning, Tone.WARNING)
    return ended(snapshot.status, whole=complete(snapshot.training))


def watched_state(how: Watched) -> State:
    """How a run stands that was started elsewhere, as far as what it leaves behind says so."""
    s = signs()
    match how.end:
        case "finished":
            return State("FINISHED", s.yes, Tone.SUCCESS)
        case "failed":
            return State("FAILED", s.no, Tone.DANGER)
    return State("CUT OFF", s.void, Tone.WARNING) if how.over else State("WATCHED", s.live, Tone.ACCENT)


def ended(status: SessionStatus, *, whole: bool) -> State:
    """How a training ended; one that did not reach its last step was stopped."""
    s = signs()
    if status is SessionStatus.FINISHED and not whole:
        return State("STOPPED", s.stop, Tone.WARNING)
    return {
        SessionStatus.FINISHED: State("FINISHED", s.yes, Tone.SUCCESS),
        SessionStatus.ABORTED: State("ABORTED", s.void, Tone.WARNING),
        SessionStatus.CRASHED: State("CRASHED", s.no, Tone.DANGER),
        SessionStatus.RUNNING: State("NO ANSWER", s.warning, Tone.DANGER),
    }[status]


def complete(training: Training | None) -> bool:
    """Whether the last step was reached, as far as is known."""
    if training is None:
        return True
    return max(training.step, *(saved.step for saved in training.checkpoints), 0) >= training.started.steps


def diverged(snapshot: Snapshot) -> bool:
    """Whether all steps were trained but the last loss is not a number: there is no usable policy."""
    training = snapshot.training
    finished = snapshot.status is SessionStatus.FINISHED
    return finished and training is not None and bool(training.points) and "loss" not in training.metrics


def name(snapshot: Snapshot, asked: TrainRequest | None) -> str:
    """The run's name: of its folder, or as requested."""
    if snapshot.training is not None and snapshot.training.started.output_dir:
        return clean(Path(snapshot.training.started.output_dir).name, 60)
    request = snapshot.started.request if snapshot.started else asked
    return clean(request.name, 60) if isinstance(request, TrainRequest) else ""


def caught_up(snapshot: Snapshot, newest: Reading | None) -> Snapshot:
    """The snapshot plus the newest log point: events on disk may be half a minute behind metrics.jsonl."""
    training = snapshot.training
    if training is None or newest is None or newest.step <= training.step:
        return snapshot
    values = dict(newest.values)
    samples, epochs = int(values.pop("samples", training.samples)), values.pop("epochs", training.epochs)
    progress = TrainingProgressed(
        at=newest.at, step=newest.step, samples=samples, epochs=epochs, points=training.points, metrics=values
    )
    return advance(snapshot, progress)


# -- time -------------------------------------------------------------------------------------------


def elapsed(snapshot: Snapshot, now: float) -> float | None:
    """Seconds from the session's start until now or its end, without pauses, as the Log counts; None if unknown."""
    if snapshot.started is None:
        return None
    if snapshot.started.imported:
        return (snapshot.ended.took_s or None) if snapshot.ended else None
    paused = snapshot.training.paused_s if snapshot.training else 0.0
    return max(0.0, (snapshot.ended_at or now) - snapshot.started.at - paused)


def eta(training: Training, pace: float) -> float | None:
    """Seconds to the last step at `pace` (s per step; 0: the mean so far); None if not known yet."""
    took = training.progressed_at - training.started.at - training.paused_s
    mean = took / training.step if training.step > 0 and took > 0 else 0.0
    left = max(0, training.started.steps - training.step) * (pace or mean)
    return left if pace or mean else None


# -- the lines at the top ---------------------------------------------------------------------------


def empty() -> tuple[str, str]:
    """The two lines while there is no training."""
    begins = f"{keys.NEW_TRAINING} begins one"
    return "no training yet", f"{begins}: its curves and checkpoints appear here"


def headline(run: ShownRun, *, now: float, width: int, pace: float = 0.0) -> Content:
    """`● TRAINING  act_v2 · step 3,210 of 20,000 · 16 %          ETA 3 h 32 m`; in a narrow terminal less of it."""
    how, dot = state(run), f" {signs().dot} "
    training = run.snapshot.training
    left: list[tuple[str, str]] = [(f"{how.sign} {how.word}  ", f"bold {STYLES[how.tone]}")]
    title = name(run.snapshot, run.asked)
    steps: list[tuple[str, str]] = []
    if training is not None:
        steps = [
            (f"{dot}step ", "$quiet"),
            (f"{'~' * bool(run.watched and run.watched.estimated)}{training.step:,}", "bold"),
        ]
        steps += [(f" of {training.started.steps:,}", "")] if training.started.steps else []
    elif run.live:
        steps = [(f"{dot}{clean(run.snapshot.detail)}", "$quiet")]
    right = _time(run, now, pace)
    used = sum(len(text) for text, _ in [*left, *steps]) + len(right) + 2
    left += [
        (title if used + len(title) <= width else title[: max(6, width - used - 1)] + signs().more, "bold"),
        *steps,
    ]
    used = sum(len(text) for text, _ in left)
    if used + len(right) + 1 > width:
        return Content.assemble(*left)
    return Content.assemble(*left, (" " * max(2, width - used - len(right)), ""), (right, "bold"))


def _time(run: ShownRun, now: float, pace: float) -> str:
    """`ETA 3 h 32 m`, or how long it took."""
    training, seconds = run.snapshot.training, elapsed(run.snapshot, now)
    if not run.live:
        return f"took {duration(seconds)}" if seconds is not None and run.snapshot.ended else ""
    if training is None or not training.started.steps:
        return ""
    left = eta(training, pace)
    return "ETA unknown yet" if left is None else f"ETA {duration(left)}"


def progress(run: ShownRun, width: int) -> Content:
    """The progress bar over the full width, with its percentage."""
    training, how, s = run.snapshot.training, state(run), signs()
    if training is None or not training.started.steps:
        return Content("")
    part = min(1.0, training.step / training.started.steps)
    percent = f" {int(100 * part)} %".rjust(6)
    cells = max(1, width - len(percent))
    full = round(part * cells)
    return Content.assemble((s.span * full, STYLES[how.tone]), (s.track * (cells - full), "$edge"), (percent, "bold"))


def underline(run: ShownRun, *, now: float, width: int, height: int = 1) -> Content:
    """Times and samples; for a training that ended, the reason as well."""
    snapshot, how = run.snapshot, state(run)
    training, seconds = snapshot.training, elapsed(snapshot, now)
    parts: list[Part] = []
    if run.watched is not None:
        parts += watched.parts(run.watched, now)
    elif run.foreign:
        parts.append(Part("found in outputs/, made by no session of this log: it is only read", 0, Tone.QUIET))
    elif not run.live:
        good = how.tone in (Tone.SUCCESS, Tone.QUIET)
        reason = clean(snapshot.end_reason) or "its worker does not answer"
        parts.append(Part(reason, 0, Tone.PLAIN if good else how.tone))
        parts.append(Part(f"ended {moment(snapshot.ended_at, now)}" if snapshot.ended_at else "", 2, Tone.QUIET))
        imported = snapshot.started.imported if snapshot.started else ""
        parts.append(Part(f"imported from {clean(Path(imported).name)}" if imported else "", 1, Tone.QUIET))
    elif seconds is not None:
        parts.append(Part(f"{duration(seconds)} {'elapsed' if training else 'so far'}", 0))
    parts += _elsewhere(run)
    if run.live and snapshot.resuming is not None:
        parts.append(Part(clean(snapshot.detail), 0))
    if training is not None and training.resumed:
        parts.append(Part(resumed_rows.sentence(training.resumed[-1]), 1, Tone.QUIET))
    if training is not None and training.samples:
        parts += [
            Part(f"epoch {training.epochs:.1f}" if training.epochs else "", 1),
            Part(f"{training.samples:,} samples", 3),
        ]
    return sentence(parts, width, height)


def _elsewhere(run: ShownRun) -> list[Part]:
    """Where it trains, if that is another machine, and what is on the way from there."""
    started = run.snapshot.started
    request = started.request if started is not None else run.asked
    target = request.on if isinstance(request, TrainRequest) else None
    if target is None:
        return []
    moving = run.live and run.snapshot.phase is Phase.TRAINING and run.snapshot.step is Step.NONE
    detail = clean(run.snapshot.detail) if moving else ""
    return [Part(f"on {clean(target.place, 30)}", 0), *([Part(detail, 1)] if detail else [])]


def moment(at: float, now: float) -> str:
    """`14:20` of today, else `11-26 14:20`, of another year with it; local time, empty if it is none."""
    from datetime import datetime

    try:
        then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    except (ValueError, OverflowError, OSError):
        return ""
    if not at:
        return ""
    if then.date() == today.date():
        return then.strftime("%H:%M")
    return then.strftime("%m-%d %H:%M" if then.year == today.year else "%Y-%m-%d")

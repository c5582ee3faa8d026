"""A session that runs as one row, and the sign of one that is over. Pure."""

from __future__ import annotations

from math import ceil
from pathlib import Path

from textual.content import Content

from screens.views import keys
from screens.views.signs import clean, fit, signs
from services.live.running import Running
from services.live.snapshots import Snapshot
from services.log.table.light import Light
from sessions.document import Session, Training
from sessions.models import SessionStatus
from sessions.requests import BenchRequest, EvalRequest, RecordRequest, TrainRequest


def running_row(item: Running, attached: str) -> Content:
    """`● recording  pick_place   4/50   attached`; for a training, its step and the time left."""
    trains = item.snapshot.training is not None
    attach = "" if trains else f"{keys.ATTACH} attaches"  # no room: the hint line explains it
    label = "attached" if item.run.id == attached else attach
    return Content.assemble(
        (f"{signs().live} ", "bold $accent"), (fit(item.snapshot.phase.value, 10), "bold"),
        *_what_runs(item.snapshot), (label, "$accent" if label == "attached" else "$quiet"),
    )  # fmt: skip


def _what_runs(snapshot: Snapshot) -> tuple[str, str]:
    """Subject and progress, padded to their columns."""
    started, training = snapshot.started, snapshot.training
    if started is None:
        return fit("starting", 22), fit("", 8)
    match request := started.request:
        case TrainRequest():
            name = training.started.output_dir if training else request.name
            return fit(clean(Path(name).name), 12), _steps_and_eta(training) if training else ""
        case EvalRequest():
            return fit(clean(request.dataset), 22), fit(f"{snapshot.judged}/{request.trials}", 8)
        case RecordRequest():
            count = f"{snapshot.accepted}/{request.episodes}" if request.episodes else ""
            return fit(clean(request.dataset), 22), fit(count, 8)
        case BenchRequest():
            return fit(clean(request.purpose.value), 22), fit("", 8)


def _steps_and_eta(training: Training) -> str:
    """`step 3,210/20,000 ETA 2h `."""
    left = training.seconds_left
    eta = "" if left is None else f" ETA {_roughly(left)}"
    return f"step {training.step:,}/{training.started.steps:,}{eta} "


def _roughly(seconds: float) -> str:
    """A duration in at most four characters: `2h`, `35m`, `<1m`."""
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


def session_sign(session: Session | Light) -> tuple[str, str]:
    """The sign and tone for a session's status; a training that was stopped before its last step is not finished."""
    name, tone = STATUS[SessionStatus.ABORTED if session.cut_short else session.status]
    return getattr(signs(), name), tone

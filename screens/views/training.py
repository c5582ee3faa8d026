"""The texts beside the plots on Train. Pure: from a training's snapshot to Content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from screens.views import keys
from screens.views.signs import STYLES, bar, clean, fit, signs
from services.live.events import CheckpointSaved, TrainingProgressed
from services.live.phases import Phase
from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot, advance
from services.tone import Tone
from services.units import duration, plural, size, value
from sessions.document import Training
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.training.curves import Reading

SLOW_DATA_SHARE = 0.5
"""Share of a step spent on loading data above which a hint is shown."""


@dataclass(frozen=True)
class State:
    """The state of a training: a word, its sign and tone."""

    word: str
    sign: str
    tone: Tone


def state(snapshot: Snapshot, *, live: bool) -> State:
    """The current phase; afterwards how the training ended."""
    s = signs()
    if live:
        word = snapshot.phase.value.upper() if snapshot.phase is not Phase.ENDED else "ENDING"
        return State(word, s.live, Tone.ACCENT)
    if diverged(snapshot):
        return State("FINISHED", s.warning, Tone.WARNING)
    return {
        SessionStatus.FINISHED: State("FINISHED", s.yes, Tone.SUCCESS),
        SessionStatus.ABORTED: State("ABORTED", s.void, Tone.WARNING),
        SessionStatus.CRASHED: State("CRASHED", s.no, Tone.DANGER),
        SessionStatus.RUNNING: State("NO ANSWER", s.warning, Tone.DANGER),
    }[snapshot.status]


def diverged(snapshot: Snapshot) -> bool:
    """Whether all steps were trained but the last loss is not a number: there is no usable policy."""
    training = snapshot.training
    finished = snapshot.status is SessionStatus.FINISHED
    return finished and training is not None and bool(training.points) and "loss" not in training.metrics


def name(snapshot: Snapshot, asked: TrainRequest | None) -> str:
    """The run's name: of its folder, or as requested."""
    if snapshot.training is not None:
        return clean(Path(snapshot.training.started.output_dir).name, 60)
    request = snapshot.started.request if snapshot.started else asked
    return clean(request.name, 60) if isinstance(request, TrainRequest) else ""


def caught_up(snapshot: Snapshot, newest: Reading | None) -> Snapshot:
    """The snapshot plus the newest log point: events on disk may be half a minute behind metrics.jsonl."""
    training = snapshot.training
    if training is None or newest is None or newest.step <= training.step:
        return snapshot
    values = {metric.value: number for metric, number in newest.values.items()}
    samples, epochs = int(values.pop("samples", training.samples)), values.pop("epochs", training.epochs)
    progress = TrainingProgressed(
        at=newest.at, step=newest.step, samples=samples, epochs=epochs, points=training.points, metrics=values
    )
    return advance(snapshot, progress)


# -- time -------------------------------------------------------------------------------------------


def elapsed(snapshot: Snapshot, now: float) -> float:
    """Seconds of training until now or until its end."""
    began = snapshot.training.started.at if snapshot.training else snapshot.started.at if snapshot.started else now
    return max(0.0, (snapshot.ended_at or now) - began)


def eta(training: Training, pace: float) -> float | None:
    """Seconds to the last step at `pace` (s per step; 0: the mean so far); None if not known yet."""
    took = training.progressed_at - training.started.at
    mean = took / training.step if training.step > 0 and took > 0 else 0.0
    left = max(0, training.started.steps - training.step) * (pace or mean)
    return left if pace or mean else None


# -- the two lines at the top -----------------------------------------------------------------------


def empty() -> tuple[str, str]:
    """The two lines while there is no training."""
    begins = f"{keys.NEW_TRAINING} begins one"
    return "no training yet", f"{begins}: its loss, learning rate, gradient norm and checkpoints appear here"


def headline(
    snapshot: Snapshot, asked: TrainRequest | None, *, live: bool, now: float, width: int, pace: float = 0.0
) -> Content:
    """`● TRAINING  act_v2 · step 3,210 of 20,000 · 16 %          ETA 3 h 32 m`."""
    how, dot = state(snapshot, live=live), f" {signs().dot} "
    training = snapshot.training
    left: list[tuple[str, str]] = [
        (f"{how.sign} {how.word}  ", f"bold {STYLES[how.tone]}"), (name(snapshot, asked), "bold"),
    ]  # fmt: skip
    right = ""
    if training is not None:
        total = training.started.steps
        part = training.step / total if total else 0.0
        left += [(f"{dot}step ", "$quiet"), (f"{training.step:,}", "bold"), (f" of {total:,}", "")]
        left += [(f"{dot}{part:.0%}".replace("%", " %"), "")]
        seconds_left = eta(training, pace)
        right = f"took {duration(elapsed(snapshot, now))}" if not live else "ETA unknown yet"
        right = f"ETA {duration(seconds_left)}" if live and seconds_left is not None else right
    elif live:
        left += [(f"{dot}{clean(snapshot.detail)}", "$quiet")]
    used = sum(len(text) for text, _ in left)
    return Content.assemble(*left, (" " * max(2, width - used - len(right)), ""), (right, "bold"))


def underline(snapshot: Snapshot, *, live: bool, now: float, width: int) -> Content:
    """The progress bar and figures; for a training that ended badly, the reason."""
    training, how = snapshot.training, state(snapshot, live=live)
    if not live and (snapshot.status is not SessionStatus.FINISHED or diverged(snapshot)):
        return Content.styled(clean(snapshot.end_reason) or "its worker does not answer", f"bold {STYLES[how.tone]}")
    if training is None:
        waited = snapshot.started.at if snapshot.started else now
        return Content.styled(f"{duration(max(0.0, now - waited))} so far" if live else "", "$quiet")
    dot = f" {signs().dot} "
    part = training.step / training.started.steps if training.started.steps else 0.0
    full, empty = bar(part, max(10, min(width // 3, 60)))
    words = [f"{duration(elapsed(snapshot, now))} elapsed"] if live else [clean(snapshot.end_reason)]
    words += [f"epoch {training.epochs:.1f}", f"{training.samples:,} samples"]
    return Content.assemble((full, STYLES[how.tone]), (empty, "$quiet"), ("  " + dot.join(w for w in words if w), ""))


# -- the panels below -------------------------------------------------------------------------------


def speed(snapshot: Snapshot) -> list[Content]:
    """Duration of a step and its parts, throughput, and the hardware."""
    training = snapshot.training
    if training is None:
        return [Content.styled("known after the first steps", "$quiet")]
    facts, metrics, dot = training.started, training.metrics, f" {signs().dot} "
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    rows = [Content.styled("known after the first log point", "$quiet")]
    if update is not None and data is not None and update + data > 0:
        share = data / (update + data)
        rows = [
            Content.assemble(("step ", "$quiet"), (f"{_seconds(update + data)} s", "bold")),
            Content(f"= {_seconds(update)} update + {_seconds(data)} data ({share:.0%})".replace("%", " %")),
        ]
        if share > SLOW_DATA_SHARE:
            rows.append(Content.styled(f"{signs().warning} waits for data: num_workers", "$warning"))
    throughput = [f"{metrics['samples_per_s']:.3g} samples/s"] if "samples_per_s" in metrics else []
    throughput += [f"GPU {metrics['gpu_mem_gb']:.3g} GB"] if "gpu_mem_gb" in metrics else []
    rows += [Content(dot.join(throughput))] if throughput else []
    runs_on = [clean(facts.device, 20), f"batch {facts.batch_size}", f"{_count(facts.parameters)} parameters"]
    return [*rows, Content.styled(dot.join(word for word in runs_on if word), "$quiet")]


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.3f}"


def _count(parameters: int) -> str:
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= factor:
            return f"{parameters / factor:.3g} {unit}"
    return str(parameters)


def checkpoint_row(checkpoint: CheckpointSaved) -> Content:
    """`020000 865 MB 14:32 3.1 s  loss 0.041`; the seconds are the time that saving took."""
    loss = f"loss {value(checkpoint.loss)}" if checkpoint.loss is not None else ""
    return Content.assemble(
        (f"{clean(Path(checkpoint.path).name, 12)} ", "bold"), fit(size(checkpoint.bytes), 7),
        (fit(clock(checkpoint.at), 6), "$quiet"), (fit(f"{checkpoint.seconds:.1f} s", 7), "$quiet"), loss,
    )  # fmt: skip


def clock(at: float) -> str:
    """Hours and minutes in local time; empty for an invalid time."""
    from datetime import datetime

    try:
        return datetime.fromtimestamp(at).strftime("%H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def data(snapshot: Snapshot, asked: TrainRequest | None) -> list[Content]:
    """The dataset of the training, and what is excluded."""
    training, dot = snapshot.training, f" {signs().dot} "
    dataset = snapshot.started.dataset if snapshot.started else asked.dataset if asked else ""
    rows = [Content.styled(clean(dataset, 60), "bold")]
    if training is None:
        left_out = asked.exclude_cameras if asked else ()
        return [*rows, *_excluded(left_out)]
    facts = training.started
    used = len(facts.episodes)
    rows.append(Content(f"{used} of {plural(facts.episodes_total, 'episode')}{dot}{facts.frames:,} frames"))
    if used < facts.episodes_total:
        rows.append(Content.styled(f"{facts.episodes_total - used} left out: rejected, or held out", "$quiet"))
    rows += [Content.styled(clean(note), "$warning") for note in facts.notes]
    cameras = ", ".join(clean(camera, 30) for camera in facts.cameras)
    rows.append(Content(f"looks at {cameras}" if cameras else "looks at no camera"))
    rows += _excluded(facts.excluded_cameras)
    return [*rows, Content.styled(f"policy {clean(facts.policy, 60)}", "$quiet")]


def _excluded(cameras: tuple[str, ...]) -> list[Content]:
    return [Content.styled(f"without {', '.join(clean(c, 30) for c in cameras)}", "$warning")] if cameras else []

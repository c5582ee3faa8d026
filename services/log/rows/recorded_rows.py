"""The rows of the page of an imported training or evaluation: what was written down of it."""

from __future__ import annotations

from services.log.headline import NOT_RECORDED, figure
from services.log.sections import Row, Value, quiet, row, text
from services.tone import Tone
from services.units import value
from sessions.document import Session, Training
from sessions.facts import TrainingStarted
from sessions.recorded import RecordedTraining


def decoded(facts: TrainingStarted) -> str:
    """Whether the cameras that were left out were decoded, behind their names."""
    if facts.left_out_decoded is None:
        return f", {NOT_RECORDED} whether decoded" if facts.recorded else ""
    return ", still decoded" if facts.left_out_decoded else ", not decoded"


def recorded_rows(training: Training) -> list[Row]:
    """What only an imported training has: none of another."""
    known = training.started.recorded
    if known is None:
        return []
    resumed = ", ".join(f"{step:,}" for step in known.resumed_at)
    return [
        row("resumed", text(f"stopped and resumed at step {resumed}" if resumed else "", Tone.WARNING)),
        row("loss is", known.loss or quiet(NOT_RECORDED)),
        row("schedule", _schedule(known, training.metrics.get("lr"))),
        row("images", known.images or quiet(NOT_RECORDED), known.resized),
        row("flags", known.flags),
        row("hardware", known.hardware or quiet(NOT_RECORDED)),
    ]


def _schedule(known: RecordedTraining, end: float | None) -> Value:
    parts = [known.schedule]
    if known.lr_start is not None:
        parts.append(f"learning rate from {value(known.lr_start)}" + (f" to {value(end)}" if end is not None else ""))
    return text(", ".join(filter(None, parts))) if any(parts) else quiet(NOT_RECORDED)


def step_seconds(training: Training) -> str:
    """`1.6 to 1.9 s`: a step as it was written down; empty if it was not, or the console measured it."""
    known = training.started.recorded
    if known is None or not known.step_s:
        return ""
    return f"{' to '.join(figure(training, each) for each in dict.fromkeys((min(known.step_s), max(known.step_s))))} s"


def parts_of_a_step(training: Training) -> str:
    """`0.95 data`, `1.19 update + 0.53 data`: as far as it was written down."""
    parts = (("update_s", "update"), ("dataloading_s", "data"))
    return " + ".join(
        f"{figure(training, training.metrics[key])} {word}" for key, word in parts if key in training.metrics
    )


def recorded_settings(session: Session) -> list[Row]:
    """The settings of an imported evaluation; none of another."""
    known = session.started.recorded
    if known is None:
        return []
    without = ", ".join(known.cameras_left_out)
    used = NOT_RECORDED if known.cameras is None else ", ".join(known.cameras) or "none"
    return [
        row("cameras", used, text(f"without {without}" if without else "", Tone.WARNING)),
        row("a trial", f"at most {known.trial_s:g} s" if known.trial_s else quiet(NOT_RECORDED)),
        row("countdown", quiet(NOT_RECORDED) if known.countdown_s is None else f"{known.countdown_s:g} s"),
        row("rate", f"{known.fps:g} Hz" if known.fps else quiet(NOT_RECORDED)),
        row("reset", session.reset or quiet(NOT_RECORDED)),
        row("flags", known.flags),
        *(row("failures", text(words, Tone.WARNING)) for words in known.failures),
        row("order", quiet("" if known.ordered else NOT_RECORDED)),
    ]


def in_order(session: Session) -> bool:
    """Whether the order is known in which the trials were made: else no list of them is shown."""
    return session.started.recorded is None or session.started.recorded.ordered

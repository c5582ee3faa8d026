"""The names and numbers of the nodes of a dataset's life, as the sessions' pages tell them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.checkpoints.checkpoint import label
from services.log.headline import began, counts, figure, loss_of, outcome, policy_of, rate, seconds, steps_made, subject
from services.log.kinship.kin import step_in
from services.log.rows.recorded_rows import step_seconds
from services.log.sections import Symbol, Value, quiet, text
from services.text import clean
from services.tone import Tone
from services.units import duration, plural, value
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.facts import CheckpointSaved
from sessions.models import SessionKind, SessionStatus
from sessions.trials import failures

MODES_SHOWN = 2
STEPS_SHOWN = 4


def _kept(*values: Value | str) -> tuple[Value, ...]:
    """Those that say something."""
    made = (text(each) if isinstance(each, str) else each for each in values)
    return tuple(each for each in made if each.text)


def _state(session: Session) -> Value:
    """How it ended, where that was not the plain end."""
    if session.status is SessionStatus.RUNNING:
        return text("running", Tone.ACCENT, Symbol.LIVE)
    if session.status is SessionStatus.FINISHED and not session.cut_short:
        return text("")
    return text(outcome(session), Tone.WARNING)


# -- datasets and recordings -------------------------------------------------------------------------


def of_dataset(wrote: Sequence[Session], learnt: Sequence[Session], root: str) -> tuple[Value, ...]:
    """How much the log knows of it: accepted episodes, their time, and how many sessions made and used it."""
    took = sum(episode.seconds for session in wrote for episode in session.episodes if episode.accepted)
    kept = plural(sum(session.accepted for session in wrote), "accepted episode") if wrote else ""
    known = max((s.training.started.episodes_total for s in learnt if s.training), default=0)
    return _kept(
        text(kept or (plural(known, "episode") if known else ""), strong=True),
        f"{duration(took)} of data" if took else "",
        quiet(root),
    )


def recorded(session: Session) -> str:
    """What it is called: when it began."""
    word = "tried and recorded" if session.kind is SessionKind.EVAL else "recorded"
    return (
        f"{word} {began(session)}"
        if session.started_utc
        else f"{word}, imported as {clean(session.started.import_key)}"
    )


def of_recording(
    session: Session, movers: Sequence[tuple[str, Session | None]], dataset: str, origin: Value | None
) -> tuple[Value, ...]:
    """What was kept of it, how long it took, who demonstrated, or which policy moved the arm and what that learnt from.

    `movers` are the checkpoints of an evaluation, each with its training; `origin` says what it is a copy of.
    """
    first = counts(session) if session.kind is SessionKind.RECORD else plural(session.accepted, "episode")
    took = seconds(session)
    return _kept(
        text(", ".join(first.split("  ")), strong=True),
        duration(took) if took else "",
        quiet(clean(session.operator)),
        *(_mover(path, made, dataset) for path, made in movers),
        origin or text(""),
        _state(session),
        *(text(f"#{tag}", Tone.ACCENT) for tag in session.tags),
    )


def copied(source: str, *, there: bool) -> Value:
    """Which dataset it was made of; `there`: whether the log knows that one."""
    if there:
        return text(f"a copy of {source}")
    return text(f"a copy of {source}, of which this log has no session", Tone.WARNING)


def _mover(path: str, made: Session | None, dataset: str) -> Value:
    if made is None:
        return text(f"moved by {called(path)}, which no training of this log made", Tone.WARNING)
    return text(f"moved by {called(path)}" + (f", trained on {made.dataset}" if made.dataset != dataset else ""))


# -- trainings ---------------------------------------------------------------------------------------


def trained(session: Session) -> str:
    """The run's name."""
    return subject(session)


def of_training(session: Session, dataset: str, origin: Value | None) -> tuple[Value, ...]:
    """Policy, steps, loss, time of a step, hours; where it went on, and what it left out."""
    training = session.training
    policy = policy_of(session)
    elsewhere = text(f"on {clean(session.dataset)}", Tone.WARNING) if session.dataset != dataset else text("")
    if training is None:
        return _kept(elsewhere, clean(policy), text("no step was made", Tone.WARNING), _state(session))
    pace = training.step_seconds
    took = seconds(session)
    went_on = [*training.resumed]
    told = training.started.recorded.resumed_at if training.started.recorded else ()
    steps = [each.step for each in went_on] or list(told)
    without = ", ".join(training.started.excluded_cameras)
    return _kept(
        elsewhere,
        text(loss_of(training), strong=True),
        steps_made(training, "/"),
        step_seconds(training).replace(" s", " s/step") or (f"{value(pace)} s/step" if pace else ""),
        duration(took) if took else "",
        quiet(label(policy) if policy.startswith("/") else policy),
        origin or text(""),
        text(f"resumed at step {', '.join(f'{step:,}' for step in steps)}" if steps else ""),
        text(f"without {without}" if without else "", Tone.WARNING),
        _state(session),
        quiet(began(session) if session.started_utc else ""),
    )


def step_name(checkpoint: CheckpointSaved) -> str:
    """`@ 020000`, as its folder is called."""
    folder = clean(checkpoint.path).rstrip("/").rpartition("/")[2]
    return f"@ {folder if folder.isdecimal() else f'{checkpoint.step:06}'}"


def step_of(path: str) -> str:
    """The same of a path or a label; empty where neither tells a step."""
    step = step_in(path)
    return "" if step is None else f"@ {step:06}"


def called(path: str) -> str:
    """A checkpoint with the run that made it."""
    return clean(label(path))


def of_checkpoint(session: Session, checkpoint: CheckpointSaved, *, best: bool) -> tuple[Value, ...]:
    """Its losses, and whether it is the best of them."""
    return _kept(
        f"loss {figure(session.training, checkpoint.loss)}" if session.training and checkpoint.loss is not None else "",
        f"held out {value(checkpoint.eval_loss)}" if checkpoint.eval_loss is not None else "",
        text("best" if best else "", Tone.SUCCESS, Symbol.YES),
    )


def further(checkpoints: Sequence[CheckpointSaved]) -> tuple[Value, ...]:
    """Their steps, of those that nothing used."""
    shown = [step_name(each) for each in checkpoints[:STEPS_SHOWN]]
    more = [f"{len(checkpoints) - STEPS_SHOWN} more"] if len(checkpoints) > STEPS_SHOWN else []
    return _kept(quiet(", ".join([*shown, *more])), quiet("nothing used them"))


# -- evaluations -------------------------------------------------------------------------------------


def tried(evaluation: Evaluation) -> str:
    """When it began."""
    return f"evaluated {began(evaluation.sessions[0])}"


def of_evaluation(evaluation: Evaluation, path: str) -> tuple[Value, ...]:
    """k/n of this checkpoint, the rate with its interval, conditions, failure modes, and how many sessions it took."""
    pairs = [each for each in evaluation.tried if each.checkpoint == path]
    success = sum(each.success for each in pairs)
    judged = success + sum(each.failure for each in pairs)
    conditions = [clean(each.condition) for each in pairs if each.condition]
    modes = failures(t for s, t in evaluation.trials if (t.checkpoint or s.checkpoint) == path)
    del modes[""]
    failed = ", ".join(f"{count}x {clean(mode)}" for mode, count in modes.most_common(MODES_SHOWN))
    sessions = len(evaluation.sessions)
    where = conditions[0] if len(conditions) == 1 else plural(len(conditions), "condition") if conditions else ""
    if not judged:
        return _kept(quiet("no trial was judged"), quiet(where), _state(evaluation.last))
    return _kept(
        text(f"{success}/{judged}", strong=True),
        rate(success, judged),
        where,
        quiet(failed),
        text(f"in {plural(sessions, 'session')}" if sessions > 1 else ""),
        text(f"begun in {clean(evaluation.missing)}, which this log does not have" if evaluation.missing else "",
             Tone.WARNING),
        _state(evaluation.last),
        quiet(f"imported as {clean(key)}" if (key := evaluation.last.started.import_key) else ""),
    )  # fmt: skip

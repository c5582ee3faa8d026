"""A session's page: its document as sections of rows.

The Log and the end of a session style it, the shell prints it, a report renders it. Every text in it is one harmless
line (`services.text.clean`) of any length: wrapping is left to the surface that draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from services.bench import calibration
from services.checkpoints.slots import lines
from services.live.metrics import EVAL_LOSS
from services.log.headline import NOT_RECORDED, figure, headline, local, outcome, policy_of
from services.log.kinship.lineage_rows import lineage_rows
from services.log.rows.cost_rows import cost_rows
from services.log.rows.imported_recording import bench_rows
from services.log.rows.measured_words import over_trials
from services.log.rows.preflight_rows import preflight_rows
from services.log.rows.recorded_rows import decoded, parts_of_a_step, recorded_rows, recorded_settings, step_seconds
from services.log.rows.recording_rows import episode_row, flagged, lost, recording_rows
from services.log.rows.remark_rows import brought_in, remarks
from services.log.rows.resumed_rows import resumed_rows
from services.log.rows.scene_rows import grasp_sections
from services.log.rows.second_judge_rows import second_judge_sections
from services.log.rows.trial_rows import trials
from services.log.rows.whole_rows import whole_sections
from services.log.sections import Page, Row, Section, Symbol, Value, quiet, row, section, text
from services.log.trials import results
from services.log.trials.conclusion import conclusion, sentences
from services.text import clean
from services.tone import Tone
from services.units import dimensions, epochs, plural, size, value
from sessions.blinding import blind
from sessions.chains import Evaluation
from sessions.document import Session, Training
from sessions.facts import CalibrationRefused, CalibrationWritten, CheckpointSaved
from sessions.left_out import ABOUT_BEST, LeftOut, Why, explained, measured_only
from sessions.lineage import SHOWN
from sessions.models import SessionKind, SessionStatus
from sessions.requests import BenchRequest, EvalRequest, TrainRequest
from sessions.times import utc

FILES_SHOWN = 20
"""Files named for a repair; the quarantine's reason.txt and `sessions --json` have all."""


def page(
    session: Session,
    zone: tzinfo | None = None,
    whole: Evaluation | None = None,
    says: Section | None = None,
    curves: Section | None = None,
) -> Page:
    """Everything that the log knows of a session; times in `zone`, by default the machine's.

    `whole` is the evaluation that it belongs to, if it is part of one that went over several sessions. `says` is what
    its trials say, worked out elsewhere: without it tests are made here, which takes up to a second.
    `curves` are a training's, read from its run folder.
    """
    sections = [
        _session(session, zone),
        *([curves] if curves is not None else []),
        *whole_sections(session, whole),
        conclusion(sentences(session, whole)) if says is None else says,
        *_work(session, zone),
        remarks(session, zone),
        _made_with(session),
    ]
    return Page(clean(session.id), state(session), tuple(section for section in sections if section.rows))


_STATES = {
    SessionStatus.FINISHED: (Tone.SUCCESS, Symbol.YES),
    SessionStatus.ABORTED: (Tone.WARNING, Symbol.VOID),
    SessionStatus.CRASHED: (Tone.DANGER, Symbol.NO),
    SessionStatus.RUNNING: (Tone.ACCENT, Symbol.LIVE),
}


def state(session: Session) -> Value:
    """The session's status, and why it ended; a training that was stopped before its last step is not `finished`."""
    tone, mark = _STATES[SessionStatus.ABORTED if session.cut_short else session.status]
    return text(outcome(session), tone, mark, strong=True)


# -- every page ----------------------------------------------------------------------------------------


def _session(session: Session, zone: tzinfo | None) -> Section:
    """Kind, time, operator and place, then the rows of its kind."""
    head = headline(session, zone)
    imported = session.started.imported
    key = session.started.import_key
    where = f"{session.bench} on {session.host}" if session.host else session.bench
    rows = [
        row("kind", head.kind),
        row("imported", f"from {imported}" if imported else "", quiet(f"there {key}" if key else "")),
        *brought_in(session),
        row("started", head.when + (f", took {head.duration}" if head.duration else "")),
        row("operator", session.operator or NOT_RECORDED),
        row("bench", where) if session.bench else row("host", *_host(session)),
        row("calibration", *_calibration(session)),
        *(_changed_calibration(event, session) for event in session.calibrations),
    ]
    return section("session", [*rows, *_rows_of_kind(session, zone), *_repairs(session)])


def _host(session: Session) -> list[Value]:
    """The machine; of a training elsewhere the target, what ssh calls it, and who followed it."""
    target = session.trained_on
    if target is None:
        return [text(session.host)]
    followed = quiet(f"followed from {session.started.host}" if target.followed else "")
    return [text(session.host), text(target.host), followed]


def _calibration(session: Session) -> list[str]:
    """Each arm with the start of its fingerprint, enough to tell two apart."""
    fingerprints = session.connected.calibration if session.connected else {}
    return [f"{arm} {fingerprint[:SHOWN]}" for arm, fingerprint in fingerprints.items()]


def _changed_calibration(event: CalibrationRefused | CalibrationWritten, session: Session) -> Row:
    """What was written, or the joints that do not fit: that they do not is why the session ended, and stands above."""
    if isinstance(event, CalibrationWritten):
        return row("calibration", calibration.done(event))
    why = [text(calibration.problem(event), Tone.WARNING, Symbol.WARNING)] if session.ended is None else []
    return row("calibration", *why, *map(quiet, calibration.differences(event)))


def _rows_of_kind(session: Session, zone: tzinfo | None) -> list[Row]:
    match session.kind:
        case SessionKind.RECORD:
            return recording_rows(session)
        case SessionKind.TRAIN:
            return _training_rows(session, zone)
        case SessionKind.EVAL:
            return _evaluation_rows(session)
        case SessionKind.BENCH:
            return _bench_rows(session)


def _work(session: Session, zone: tzinfo | None) -> list[Section]:
    """A table of the session's episodes, checkpoints or trials."""
    match session.kind:
        case SessionKind.RECORD:
            episodes = section("episodes", map(episode_row, session.episodes), table=True)
            return [*grasp_sections(session), episodes]
        case SessionKind.TRAIN if session.training is not None:
            best = session.training.best
            rows = (_checkpoint(c, zone, best=c is best) for c in session.training.checkpoints)
            return [section("checkpoints", rows, table=True)]
        case SessionKind.EVAL:
            tables = (*results.sections(session.request, session.results), *second_judge_sections(session))
            looked = section("preflight", preflight_rows(session))
            return [*tables, section("trials", trials(session), table=True), looked]
        case _:
            return []


def _made_with(session: Session) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in session.started.versions.items())
    return section("versions", [row("versions", versions), row("commit", session.started.git_commit or "")])


def _repairs(session: Session) -> list[Row]:
    """What this session changed in its dataset before it opened it: files moved away, files rewritten."""
    rows = []
    for repair in session.repairs:
        rows.append(row("repaired", text(repair.summary, Tone.WARNING, Symbol.WARNING)))
        rows.append(row("repaired", *_files("moved", repair.quarantined, f"to {repair.where}")))
        rows.append(row("repaired", *_files("rewritten", repair.rewritten, f"as before in {repair.where}")))
    return rows


def _files(done: str, files: tuple[str, ...], where: str) -> list[Value]:
    """What happened to these files; nothing if there are none."""
    if not files:
        return []
    more = f" and {len(files) - FILES_SHOWN} more" if len(files) > FILES_SHOWN else ""
    return [text(f"{done}: {', '.join(files[:FILES_SHOWN])}{more}"), quiet(where)]


def _bench_rows(session: Session) -> list[Row]:
    request = session.request
    purpose = row("purpose", request.purpose.value if isinstance(request, BenchRequest) else "")
    return [purpose, *bench_rows(session)]


# -- a training --------------------------------------------------------------------------------------


def _training_rows(session: Session, zone: tzinfo | None) -> list[Row]:
    training = session.training
    rows = [
        row("policy", *_policy(session)),
        row("dataset", text(session.dataset, strong=True)),
        row("dataset", quiet(session.dataset_root)),
    ]
    request = session.request
    settings = [row("set", key) for key in (request.settings if isinstance(request, TrainRequest) else ())]
    resize = request.resize if isinstance(request, TrainRequest) else None
    settings += [row("pictures", f"resized to {dimensions(*resize)}, here and wherever it is loaded")] if resize else []
    if training is None:
        made = f"none of {session.target:,} was made" if session.target else "none was made"
        return [*rows, row("steps", made), *settings]
    rows += [
        *_training_data(training),
        *_progress(training),
        *resumed_rows(training, zone),
        *settings,
        *cost_rows(session),
        row("output", training.started.output_dir),
        *lineage_rows(session),
    ]
    return rows if training.checkpoints else [*rows, row("checkpoints", quiet("none"))]


def _policy(session: Session) -> list[Value]:
    """The policy that is trained or evaluated, with its size and device if known."""
    facts = session.training.started if session.training else session.policy
    name = policy_of(session) if session.kind is SessionKind.TRAIN else facts.policy if facts else ""
    values = [text(name, strong=session.kind is SessionKind.TRAIN)]
    if facts is not None and facts.parameters:
        count = f"{facts.parameters / 1e6:.1f} M" if facts.parameters >= 1e5 else f"{facts.parameters:,}"
        values.append(text(f"{count} parameters"))
    return [*values, text(f"on {facts.device}")] if facts is not None and facts.device else values


def _training_data(training: Training) -> list[Row]:
    """The episodes and cameras of a training, and those left out."""
    facts = training.started
    used, total = len(facts.episodes), facts.episodes_total
    left_out = f", {total - used} left out" if used < total else ""
    frames = f"{facts.frames:,} frames" if facts.frames else ""
    without = ", ".join(facts.excluded_cameras)
    learnt = f"{used} of {plural(total, 'episode')}{left_out}"
    if not total:  # an imported one that tells no more
        learnt = plural(used, "episode") if used else NOT_RECORDED
    elif facts.recorded is not None and not used:
        learnt = f"of {plural(total, 'episode')}, which of them is {NOT_RECORDED}"
    return [
        row("learnt from", learnt, frames),
        *(row("learnt from", text(note, Tone.WARNING)) for note in facts.notes),
        *map(_left_out, facts.left_out),
        row(
            "cameras",
            ", ".join(facts.cameras) or ("none" if total and not facts.recorded else NOT_RECORDED),
            text(f"without {without}{decoded(facts)}" if without else "", Tone.WARNING),
        ),
    ]


def _left_out(group: LeftOut) -> Row:
    if group.why is Why.HELD_OUT:
        return row("held out", measured_only(group))
    return row("left out", text(explained(group), Tone.WARNING))


def _progress(training: Training) -> list[Row]:
    metrics, facts = training.metrics, training.started
    total = f" of {facts.steps:,}" if training.step < facts.steps else ""
    passes = f"{epochs(training.epochs)} epochs" if training.epochs or (facts.frames and not facts.recorded) else ""
    samples = f"{training.samples:,} samples" if training.samples or (facts.frames and not facts.recorded) else ""
    batch = f"batch size {facts.batch_size or NOT_RECORDED}"
    if facts.processes > 1:
        batch += f" in each of {facts.processes} processes"
    rows = [row("steps", f"{training.step:,}{total}", passes, samples, batch)]
    if training.loss is not None:
        more = (("lr", "learning rate"), ("grad_norm", "gradient norm"))
        words = [f"{name} {figure(training, metrics[key])}" for key, name in more if key in metrics]
        rows.append(row("loss", text(figure(training, training.loss), strong=True), *words))
    if (measured := metrics.get(EVAL_LOSS)) is not None:
        rows.append(row("held-out loss", text(value(measured), strong=True), quiet(ABOUT_BEST)))
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    if facts.recorded is not None:
        took = (step_seconds(training), quiet(parts_of_a_step(training)))
        return [*rows, row("step time", *took), *recorded_rows(training)]
    if update is not None and data is not None:
        split = f"{value(update)} update + {value(data)} data, mean at the last log point"
        rows.append(row("step time", f"{value(update + data)} s", quiet(split)))
    return rows


def _checkpoint(checkpoint: CheckpointSaved, zone: tzinfo | None, *, best: bool) -> Row:
    """A checkpoint by its folder, with its size, when it was saved, how long saving took, and its losses."""
    loss = f"loss {value(checkpoint.loss)}" if checkpoint.loss is not None else ""
    took = quiet(f"{checkpoint.seconds:.1f} s" if checkpoint.seconds else "")
    when = quiet(local(utc(checkpoint.at), zone) if checkpoint.at else "")
    folder = clean(checkpoint.path).rstrip("/").rpartition("/")[2] or f"{checkpoint.step:06}"
    held_out = text(f"held out {value(checkpoint.eval_loss)}" if checkpoint.eval_loss is not None else "")
    mark = text("best", Tone.SUCCESS, Symbol.YES, strong=True) if best else text("")
    bytes_ = text(size(checkpoint.bytes) if checkpoint.bytes else "size not recorded")
    return Row(folder, (bytes_, when, took, text(loss), held_out, mark))


# -- an evaluation -----------------------------------------------------------------------------------


def _evaluation_rows(session: Session) -> list[Row]:
    not_recorded = quiet(NOT_RECORDED if session.started.recorded else "")
    return [
        *results.checkpoint_rows(session),
        row("trained in", _trained_in(session)),
        *_loaded(session),
        *lineage_rows(session),
        row("task", f'"{session.task}"' if session.task else not_recorded),
        row("condition", *_conditions(session), *([not_recorded] if not any(_conditions(session)) else [])),
        *(recorded_settings(session) or [row("reset", session.reset)]),
        *results.order_rows(session),
        *results.tally_rows(session),
        *results.failure_rows(session),
        *over_trials(session),
        *lost(session),
        *flagged(session),
        *_motion(session),
    ]


def _trained_in(session: Session) -> str:
    if blind(session.request):
        return ""
    return f"session {session.trained_in}" if session.trained_in else NOT_RECORDED


def _loaded(session: Session) -> list[Row]:
    """The policy as loaded, and notes on harmless differences between it and the bench."""
    if session.policy is None or blind(session.request):
        return []
    cameras = ", ".join(session.policy.cameras) or "no camera"
    notes = (row("policy", quiet(note)) for note in session.policy.notes)
    slots = (row("camera", quiet(line)) for line in lines(session.policy.slots))
    return [row("policy", *_policy(session), f"looks at {cameras}"), *slots, *notes]


def _conditions(session: Session) -> list[str]:
    """Each condition once, as the operator named it; before the first trial, the requested one."""
    request = session.request
    requested = request.condition if isinstance(request, EvalRequest) else ""
    return _unique(trial.condition for trial in session.trials) if session.trials else _unique([requested])


def _motion(session: Session) -> list[Row]:
    if not session.dataset or all(trial.episode_index is None for trial in session.trials):
        return []  # without an episode the worker left no dataset
    return [row("motion", session.dataset), row("motion", quiet(session.dataset_root))]


def _unique(texts: Iterable[str]) -> list[str]:
    """Each text once, without empty ones."""
    return [each for each in dict.fromkeys(texts) if each]

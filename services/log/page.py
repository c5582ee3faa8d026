"""A session's page: its document as sections of rows.

The Log and the end of a session style it, the shell prints it, a report renders it. Every text in it is one harmless
line (`services.text.clean`) of any length: wrapping is left to the surface that draws it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import tzinfo

from services.bench import calibration
from services.checkpoints.checkpoint import label
from services.log.headline import alarm_counts, clock, headline, local, policy_of, rate
from services.log.sections import Interval, Page, Row, Section, Symbol, Value, quiet, row, section, text
from services.text import clean
from services.tone import Tone
from services.units import number, plural, size, value
from sessions.document import Session, Training
from sessions.facts import CalibrationRefused, CalibrationWritten, CheckpointSaved
from sessions.models import AlarmCount, Episode, SessionKind, SessionStatus, Trial, Verdict
from sessions.requests import BenchRequest, EvalRequest, TrainRequest
from sessions.times import utc
from sessions.trials import place

FINGERPRINT = 12
"""Hexadecimal digits shown of a calibration's fingerprint; `sessions --json` has all 64."""


FILES_SHOWN = 20
"""Files named for a repair; the quarantine's reason.txt and `sessions --json` have all."""


def page(session: Session, zone: tzinfo | None = None) -> Page:
    """Everything that the log knows of a session; times in `zone`, by default the machine's."""
    sections = [_session(session, zone), *_work(session, zone), _remarks(session, zone), _made_with(session)]
    return Page(clean(session.id), state(session), tuple(section for section in sections if section.rows))


_STATES = {
    SessionStatus.FINISHED: (Tone.SUCCESS, Symbol.YES),
    SessionStatus.ABORTED: (Tone.WARNING, Symbol.VOID),
    SessionStatus.CRASHED: (Tone.DANGER, Symbol.NO),
    SessionStatus.RUNNING: (Tone.ACCENT, Symbol.LIVE),
}


def state(session: Session) -> Value:
    """The session's status, and why it ended."""
    tone, mark = _STATES[session.status]
    reason = f": {session.end_reason}" if session.end_reason else ""
    return text(f"{session.status.value}{reason}", tone, mark, strong=True)


_VERDICTS = {
    Verdict.SUCCESS: (Tone.SUCCESS, Symbol.YES),
    Verdict.FAILURE: (Tone.DANGER, Symbol.NO),
    Verdict.VOID: (Tone.QUIET, Symbol.VOID),
}


# -- every page ----------------------------------------------------------------------------------------


def _session(session: Session, zone: tzinfo | None) -> Section:
    """Kind, time, operator and place, then the rows of its kind."""
    head = headline(session, zone)
    rows = [
        row("kind", head.kind),
        row("started", head.when + (f", took {head.duration}" if head.duration else "")),
        row("operator", session.operator or "not told"),
        row("bench", f"{session.bench} on {session.host}") if session.bench else row("host", session.host),
        row("calibration", *_calibration(session)),
        *map(_changed_calibration, session.calibrations),
    ]
    return section("session", [*rows, *_rows_of_kind(session), *_repairs(session)])


def _calibration(session: Session) -> list[str]:
    """Each arm with the start of its fingerprint, enough to tell two apart."""
    fingerprints = session.connected.calibration if session.connected else {}
    return [f"{arm} {fingerprint[:FINGERPRINT]}" for arm, fingerprint in fingerprints.items()]


def _changed_calibration(event: CalibrationRefused | CalibrationWritten) -> Row:
    if isinstance(event, CalibrationWritten):
        return row("calibration", calibration.done(event))
    differences = map(quiet, calibration.differences(event))
    return row("calibration", text(calibration.problem(event), Tone.WARNING, Symbol.WARNING), *differences)


def _rows_of_kind(session: Session) -> list[Row]:
    match session.kind:
        case SessionKind.RECORD:
            return _recording_rows(session)
        case SessionKind.TRAIN:
            return _training_rows(session)
        case SessionKind.EVAL:
            return _evaluation_rows(session)
        case SessionKind.BENCH:
            return _bench_rows(session)


def _work(session: Session, zone: tzinfo | None) -> list[Section]:
    """A table of the session's episodes, checkpoints or trials."""
    match session.kind:
        case SessionKind.RECORD:
            return [section("episodes", map(_episode, session.episodes), table=True)]
        case SessionKind.TRAIN if session.training is not None:
            return [section("checkpoints", (_checkpoint(c, zone) for c in session.training.checkpoints), table=True)]
        case SessionKind.EVAL:
            return [section("trials", _trials(session), table=True)]
        case _:
            return []


def _remarks(session: Session, zone: tzinfo | None) -> Section:
    """Tags, alarms and notes."""
    rows = [row("tags", *(f"#{tag}" for tag in session.tags))]
    rows += [_alarm(count, zone) for count in alarm_counts(session)]
    for note in session.notes:
        when = clean(note.at_utc).replace("T", " ").rstrip("Z")
        rows.append(row("notes", note.text, quiet(f"{note.author or 'unsigned'}, {when} UTC")))
    return section("remarks", rows if session.notes else [*rows, row("notes", quiet("none"))])


def _alarm(count: AlarmCount, zone: tzinfo | None) -> Row:
    """An alarm's text, how often it was raised and when first, as far as that is known."""
    when = f"at {clock(count.first, zone)}" if count.first else ""
    often = f"{count.times} times" if count.times > 1 else ""
    return row(
        "alarms", text(count.text, Tone.WARNING, Symbol.WARNING), quiet(", first ".join(filter(None, (often, when))))
    )


def _made_with(session: Session) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in session.started.versions.items())
    return section("versions", [row("versions", versions), row("commit", session.started.git_commit or "")])


def _lost(session: Session) -> list[Row]:
    """Takes, or motions of trials, that were not saved as episodes."""
    rows = []
    for lost in session.lost:
        trial = session.kind is SessionKind.EVAL
        name = f"motion of trial {place(session.trials, lost.take)}" if trial else f"take {lost.take}"
        why = text(f"{name}: {lost.reason}", Tone.WARNING, Symbol.WARNING)
        rows.append(row("lost", why, quiet(f"what there is of it: {lost.where}" if lost.where else "")))
    return rows


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
    return [row("purpose", request.purpose.value if isinstance(request, BenchRequest) else "")]


# -- a recording -------------------------------------------------------------------------------------


def _recording_rows(session: Session) -> list[Row]:
    target = f" of {session.target}" if session.target else ""
    return [
        row("dataset", text(session.dataset, strong=True)),
        row("dataset", quiet(session.dataset_root)),
        row("task", f'"{session.task}"' if session.task else ""),
        *_lost(session),
        *_flagged(session),
        row("episodes", f"{session.accepted}{target} accepted, {session.rejected} rejected"),
    ]


def _flagged(session: Session) -> list[Row]:
    """What is wrong with each episode, or with each trial's motion."""
    rows = []
    for episode in session.episodes:
        if episode.flags:
            trial = session.kind is SessionKind.EVAL
            name = f"trial {place(session.trials, episode.take)}" if trial else f"episode {episode.index}"
            rows.append(row("flagged", text(f"{name}: {', '.join(episode.flags)}", Tone.WARNING, Symbol.WARNING)))
    return rows


def _episode(episode: Episode) -> Row:
    """An episode by its number in the dataset, with its length."""
    tone, mark = (Tone.SUCCESS, Symbol.YES) if episode.accepted else (Tone.DANGER, Symbol.NO)
    if episode.accepted and episode.flags:
        tone, mark = Tone.WARNING, Symbol.WARNING
    retried = ", ".join(f"{arm} {count}" for arm, count in episode.retried.items())
    return row(
        str(episode.index),
        text("", tone, mark, strong=True),
        quiet(f"{number(round(episode.seconds, 1))} s"),
        quiet(f"retried: {retried}" if retried else ""),
    )


# -- a training --------------------------------------------------------------------------------------


def _training_rows(session: Session) -> list[Row]:
    training = session.training
    rows = [
        row("policy", *_policy(session)),
        row("dataset", text(session.dataset, strong=True)),
        row("dataset", quiet(session.dataset_root)),
    ]
    request = session.request
    settings = [row("set", key) for key in (request.settings if isinstance(request, TrainRequest) else ())]
    if training is None:
        made = f"none of {session.target:,} was made" if session.target else "none was made"
        return [*rows, row("steps", made), *settings]
    rows += [*_training_data(training), *_progress(training), *settings, row("output", training.started.output_dir)]
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
    return [
        row("learnt from", f"{used} of {plural(total, 'episode')}{left_out}", frames),
        *(row("learnt from", text(note, Tone.WARNING)) for note in facts.notes),
        row(
            "cameras",
            ", ".join(facts.cameras) or "none",
            text(f"without {without}" if without else "", Tone.WARNING),
        ),
    ]


def _progress(training: Training) -> list[Row]:
    metrics, facts = training.metrics, training.started
    total = f" of {facts.steps:,}" if training.step < facts.steps else ""
    epochs, samples = f"{training.epochs:.1f} epochs", f"{training.samples:,} samples"
    rows = [row("steps", f"{training.step:,}{total}", epochs, samples, f"batch size {facts.batch_size}")]
    if training.loss is not None:
        more = (("lr", "learning rate"), ("grad_norm", "gradient norm"))
        words = [f"{name} {value(metrics[key])}" for key, name in more if key in metrics]
        rows.append(row("loss", text(value(training.loss), strong=True), *words))
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    if update is not None and data is not None:
        split = f"{value(update)} update + {value(data)} data, mean at the last log point"
        rows.append(row("step time", f"{value(update + data)} s", quiet(split)))
    return rows


def _checkpoint(checkpoint: CheckpointSaved, zone: tzinfo | None) -> Row:
    """A checkpoint by its folder, with its size, when it was saved, how long saving took, and its loss."""
    loss = f"loss {value(checkpoint.loss)}" if checkpoint.loss is not None else ""
    took = quiet(f"{checkpoint.seconds:.1f} s")
    folder = clean(checkpoint.path).rstrip("/").rpartition("/")[2]
    return Row(folder, (text(size(checkpoint.bytes)), quiet(local(utc(checkpoint.at), zone)), took, text(loss)))


# -- an evaluation -----------------------------------------------------------------------------------


def _evaluation_rows(session: Session) -> list[Row]:
    return [
        row("checkpoint", text(label(session.checkpoint), strong=True)),
        row("checkpoint", quiet(session.checkpoint)),
        row("trained in", f"session {session.trained_in}" if session.trained_in else "not told"),
        *_loaded(session),
        row("task", f'"{session.task}"' if session.task else ""),
        row("condition", *_conditions(session)),
        *_tally(session),
        *_failures(session),
        *_lost(session),
        *_flagged(session),
        *_motion(session),
    ]


def _loaded(session: Session) -> list[Row]:
    """The policy as loaded, and notes on harmless differences between it and the bench."""
    if session.policy is None:
        return []
    cameras = ", ".join(session.policy.cameras) or "no camera"
    notes = (row("policy", quiet(note)) for note in session.policy.notes)
    return [row("policy", *_policy(session), f"looks at {cameras}"), *notes]


def _conditions(session: Session) -> list[str]:
    """Each condition once, as the operator named it; before the first trial, the requested one."""
    request = session.request
    requested = request.condition if isinstance(request, EvalRequest) else ""
    return _unique(trial.condition for trial in session.trials) if session.trials else _unique([requested])


def _tally(session: Session) -> list[Row]:
    success, failure = session.count(Verdict.SUCCESS), session.count(Verdict.FAILURE)
    judged = success + failure
    target = f" of {session.target}" if session.target else ""
    counts = [text(f"{session.count(verdict)} {verdict.value}", *_VERDICTS[verdict]) for verdict in Verdict]
    unjudged = sum(trial.verdict is None for trial in session.trials)
    if unjudged:
        counts.append(text(f"{unjudged} without a verdict", Tone.WARNING))
    judges = ", ".join(_unique(trial.judge for trial in session.trials))
    rows = [row("judged", f"{judged}{target}", *counts, quiet(f"by {judges}" if judges else ""))]
    if judged:
        words = text(rate(success, judged), strong=True)
        rows.append(row("success", words, quiet("95 % interval"), interval=Interval.of(success, judged)))
    return rows


def _failures(session: Session) -> list[Row]:
    """How often each failure mode occurred; no row if none was given."""
    modes = Counter(t.failure_mode or "not said" for t in session.trials if t.verdict is Verdict.FAILURE)
    return (
        [row("failures", *(f"{mode} {count}" for mode, count in modes.most_common()))]
        if set(modes) - {"not said"}
        else []
    )


def _motion(session: Session) -> list[Row]:
    if not session.dataset or all(trial.episode_index is None for trial in session.trials):
        return []  # without an episode the worker left no dataset
    return [row("motion", session.dataset), row("motion", quiet(session.dataset_root))]


def _unique(texts: Iterable[str]) -> list[str]:
    """Each text once, without empty ones."""
    return [each for each in dict.fromkeys(texts) if each]


def _trials(session: Session) -> list[Row]:
    """Every attempt; with policy and condition if they differ between trials."""
    policies = len({trial.checkpoint for trial in session.trials}) > 1
    conditions = len({trial.condition for trial in session.trials}) > 1
    return [
        _trial(
            trial,
            place(session.trials, trial.index),
            label(trial.checkpoint) if policies and trial.checkpoint else "",
            trial.condition if conditions else "",
        )
        for trial in session.trials
    ]


def _trial(trial: Trial, number: int, policy: str, condition: str) -> Row:
    """A trial by its number among those that count, as on the screen during the session; columns may be empty."""
    tone, mark = _VERDICTS[trial.verdict] if trial.verdict else (Tone.WARNING, Symbol.OPEN)
    episode = f"episode {trial.episode_index}" if trial.episode_index is not None else "not saved"
    columns = [
        text("", tone, mark, strong=True), text(f"{trial.seconds:.1f} s"), quiet(trial.ended_by), quiet(episode),
        text(policy), text(condition),
        text(", ".join(words for words in (trial.failure_mode, trial.why) if words)),
    ]  # fmt: skip
    return Row(str(number), tuple(columns))

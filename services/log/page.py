"""A session's page: what the log keeps of it as sections of rows, made once from the document.

The Log and the end of a session style it, the shell prints it, a report renders it. Every text in it is one harmless
line (`services.text.clean`) and none is cut: how it wraps is for whoever draws it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import tzinfo
from enum import StrEnum

import msgspec

from services.checkpoints.checkpoint import label
from services.log.headline import headline, local, policy_of, rate
from services.text import clean
from services.tone import Tone
from services.units import number, plural, size, value
from sessions.document import Session, Training
from sessions.facts import CheckpointSaved
from sessions.models import Episode, SessionKind, SessionStatus, Trial, Verdict
from sessions.requests import TrainRequest
from sessions.statistics import wilson
from sessions.times import utc
from sessions.trials import place


class Mark(StrEnum):
    """A sign before a value, for whoever sees no colours; each terminal has its own signs."""

    YES = "yes"
    NO = "no"
    VOID = "void"
    WARNING = "warning"
    LIVE = "live"
    OPEN = "open"


class Value(msgspec.Struct, frozen=True):
    """One thing that a row says; `strong`: what the eye looks for."""

    text: str
    tone: Tone = Tone.PLAIN
    mark: Mark | None = None
    strong: bool = False


class Interval(msgspec.Struct, frozen=True):
    """A success rate `at` and its 95 % Wilson interval from `low` to `high`, each in 0..1."""

    low: float
    at: float
    high: float

    @classmethod
    def of(cls, successes: int, judged: int) -> Interval | None:
        """The interval of this many successes; None before the first trial that counts."""
        if not judged:
            return None
        low, high = wilson(successes, judged)
        return cls(low, successes / judged, high)


class Row(msgspec.Struct, frozen=True):
    """A fact: its name and one or more values. Rows of one name in a row are more of the same."""

    name: str
    values: tuple[Value, ...]
    interval: Interval | None = None

    @property
    def text(self) -> str:
        """The values without marks and tones."""
        return ", ".join(value.text for value in self.values if value.text)


class Section(msgspec.Struct, frozen=True):
    """Rows that belong together. In a `table` the rows are alike: their n-th values make a column."""

    name: str
    rows: tuple[Row, ...]
    table: bool = False


class Page(msgspec.Struct, frozen=True):
    """A session's page; `state` says how the session stands or ended."""

    session: str
    state: Value
    sections: tuple[Section, ...]


def as_json(page: Page) -> bytes:
    """The page for `show --json`: an object with the keys session, state and sections.

    A section has name, table and rows; a row has name, values and interval (null, or low, at and high in 0..1); a value
    (`state` is one) has text, tone (plain, quiet, accent, success, warning, danger), mark (null, yes, no, void,
    warning, live, open) and strong. Keys may be added, none goes.
    """
    return msgspec.json.format(msgspec.json.encode(page), indent=2)


def page(session: Session, zone: tzinfo | None = None) -> Page:
    """Everything that the log knows of a session; times in `zone`, without one in the machine's own."""
    sections = [_session(session, zone), *_work(session, zone), _remarks(session), _made_with(session)]
    return Page(clean(session.id), state(session), tuple(section for section in sections if section.rows))


_STATES = {
    SessionStatus.FINISHED: (Tone.SUCCESS, Mark.YES),
    SessionStatus.ABORTED: (Tone.WARNING, Mark.VOID),
    SessionStatus.CRASHED: (Tone.DANGER, Mark.NO),
    SessionStatus.RUNNING: (Tone.ACCENT, Mark.LIVE),
}


def state(session: Session) -> Value:
    """How the session stands, and why it ended."""
    tone, mark = _STATES[session.status]
    reason = f": {session.end_reason}" if session.end_reason else ""
    return _value(f"{session.status.value}{reason}", tone, mark, strong=True)


_VERDICTS = {
    Verdict.SUCCESS: (Tone.SUCCESS, Mark.YES),
    Verdict.FAILURE: (Tone.DANGER, Mark.NO),
    Verdict.VOID: (Tone.QUIET, Mark.VOID),
}


# -- what every page is made of ----------------------------------------------------------------------


def _value(text: object, tone: Tone = Tone.PLAIN, mark: Mark | None = None, *, strong: bool = False) -> Value:
    """Text from outside comes in here only."""
    return Value(clean(str(text)).strip(), tone, mark, strong)


def _quiet(text: object) -> Value:
    return _value(text, Tone.QUIET)


def _row(name: str, *values: Value | str, interval: Interval | None = None) -> Row:
    """Values of which there is nothing to show are left out."""
    made = (_value(v) if isinstance(v, str) else v for v in values)
    return Row(name, tuple(v for v in made if v.text or v.mark), interval)


def _section(name: str, rows: Iterable[Row], *, table: bool = False) -> Section:
    """Rows without a value are left out."""
    return Section(name, tuple(row for row in rows if row.values), table)


def _session(session: Session, zone: tzinfo | None) -> Section:
    """What it was, when, by whom and where; then what its kind is about."""
    head = headline(session, zone)
    rows = [
        _row("kind", head.kind),
        _row("started", head.when + (f", took {head.duration}" if head.duration else "")),
        _row("operator", session.operator or "not told"),
        _row("bench", f"{session.bench} on {session.host}") if session.bench else _row("host", session.host),
    ]
    return _section("session", [*rows, *_about(session)])


def _about(session: Session) -> list[Row]:
    match session.kind:
        case SessionKind.RECORD:
            return _recorded(session)
        case SessionKind.TRAIN:
            return _trained(session)
        case SessionKind.EVAL:
            return _evaluated(session)
        case SessionKind.BENCH:
            return []


def _work(session: Session, zone: tzinfo | None) -> list[Section]:
    """What was made one after another: a table of episodes, checkpoints or trials."""
    match session.kind:
        case SessionKind.RECORD:
            return [_section("episodes", map(_episode, session.episodes), table=True)]
        case SessionKind.TRAIN if session.training is not None:
            return [_section("checkpoints", (_checkpoint(c, zone) for c in session.training.checkpoints), table=True)]
        case SessionKind.EVAL:
            return [_section("trials", _trials(session), table=True)]
        case _:
            return []


def _remarks(session: Session) -> Section:
    """Tags, alarms and notes."""
    rows = [_row("tags", *(f"#{tag}" for tag in session.tags))]
    rows += [_row("alarms", _value(alarm, Tone.WARNING, Mark.WARNING)) for alarm in session.alarms]
    for note in session.notes:
        when = clean(note.at_utc).replace("T", " ").rstrip("Z")
        rows.append(_row("notes", note.text, _quiet(f"{note.author or 'unsigned'}, {when} UTC")))
    return _section("remarks", rows if session.notes else [*rows, _row("notes", _quiet("none"))])


def _made_with(session: Session) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in session.started.versions.items())
    return _section("versions", [_row("versions", versions), _row("commit", session.started.git_commit or "")])


# -- a recording -------------------------------------------------------------------------------------


def _recorded(session: Session) -> list[Row]:
    flagged = [episode for episode in session.episodes if episode.flags]
    target = f" of {session.target}" if session.target else ""
    return [
        _row("dataset", _value(session.dataset, strong=True)),
        _row("dataset", _quiet(session.dataset_root)),
        _row("task", f'"{session.task}"' if session.task else ""),
        *(_row("flagged", _flags(episode)) for episode in flagged),
        _row("episodes", f"{session.accepted}{target} accepted, {session.rejected} rejected"),
    ]


def _flags(episode: Episode) -> Value:
    return _value(f"episode {episode.index}: {', '.join(episode.flags)}", Tone.WARNING, Mark.WARNING)


def _episode(episode: Episode) -> Row:
    """Named by its number in the dataset; its length."""
    tone, mark = (Tone.SUCCESS, Mark.YES) if episode.accepted else (Tone.DANGER, Mark.NO)
    if episode.accepted and episode.flags:
        tone, mark = Tone.WARNING, Mark.WARNING
    return _row(
        str(episode.index), _value("", tone, mark, strong=True), _quiet(f"{number(round(episode.seconds, 1))} s")
    )


# -- a training --------------------------------------------------------------------------------------


def _trained(session: Session) -> list[Row]:
    training = session.training
    rows = [
        _row("policy", *_policy(session)),
        _row("dataset", _value(session.dataset, strong=True)),
        _row("dataset", _quiet(session.dataset_root)),
    ]
    request = session.request
    settings = [_row("set", text) for text in (request.settings if isinstance(request, TrainRequest) else ())]
    if training is None:
        made = f"none of {session.target:,} was made" if session.target else "none was made"
        return [*rows, _row("steps", made), *settings]
    rows += [*_learnt_from(training), *_how_far(training), *settings, _row("output", training.started.output_dir)]
    return rows if training.checkpoints else [*rows, _row("checkpoints", _quiet("none"))]


def _policy(session: Session) -> list[Value]:
    values = [_value(policy_of(session), strong=True)]
    facts = session.training.started if session.training else None
    if facts is not None and facts.parameters:
        count = f"{facts.parameters / 1e6:.1f} M" if facts.parameters >= 1e5 else f"{facts.parameters:,}"
        values.append(_value(f"{count} parameters"))
    return [*values, _value(f"on {facts.device}")] if facts is not None and facts.device else values


def _learnt_from(training: Training) -> list[Row]:
    """Episodes, cameras and what was left out."""
    facts = training.started
    used, total = len(facts.episodes), facts.episodes_total
    left_out = f", {total - used} left out" if used < total else ""
    frames = f"{facts.frames:,} frames" if facts.frames else ""
    without = ", ".join(facts.excluded_cameras)
    return [
        _row("learnt from", f"{used} of {plural(total, 'episode')}{left_out}", frames),
        _row(
            "cameras",
            ", ".join(facts.cameras) or "none",
            _value(f"without {without}" if without else "", Tone.WARNING),
        ),
    ]


def _how_far(training: Training) -> list[Row]:
    metrics, facts = training.metrics, training.started
    total = f" of {facts.steps:,}" if training.step < facts.steps else ""
    epochs, samples = f"{training.epochs:.1f} epochs", f"{training.samples:,} samples"
    rows = [_row("steps", f"{training.step:,}{total}", epochs, samples, f"batch size {facts.batch_size}")]
    if training.loss is not None:
        more = (("lr", "learning rate"), ("grad_norm", "gradient norm"))
        words = [f"{name} {value(metrics[key])}" for key, name in more if key in metrics]
        rows.append(_row("loss", _value(value(training.loss), strong=True), *words))
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    if update is not None and data is not None:
        split = f"{value(update)} update + {value(data)} data, mean at the last log point"
        rows.append(_row("step time", f"{value(update + data)} s", _quiet(split)))
    return rows


def _checkpoint(checkpoint: CheckpointSaved, zone: tzinfo | None) -> Row:
    """Named by its folder; its size, when it was saved, how long that took, and its loss."""
    loss = f"loss {value(checkpoint.loss)}" if checkpoint.loss is not None else ""
    took = _quiet(f"{checkpoint.seconds:.1f} s")
    folder = clean(checkpoint.path).rstrip("/").rpartition("/")[2]
    return Row(folder, (_value(size(checkpoint.bytes)), _quiet(local(utc(checkpoint.at), zone)), took, _value(loss)))


# -- an evaluation -----------------------------------------------------------------------------------


def _evaluated(session: Session) -> list[Row]:
    return [
        _row("checkpoint", _value(label(session.checkpoint), strong=True)),
        _row("checkpoint", _quiet(session.checkpoint)),
        _row("trained in", f"session {session.trained_in}" if session.trained_in else "not told"),
        _row("task", f'"{session.task}"' if session.task else ""),
        _row("condition", *_differing(trial.condition for trial in session.trials)),
        *_tally(session),
        *_failures(session),
        *_motion(session),
    ]


def _tally(session: Session) -> list[Row]:
    success, failure = session.count(Verdict.SUCCESS), session.count(Verdict.FAILURE)
    judged = success + failure
    target = f" of {session.target}" if session.target else ""
    counts = [_value(f"{session.count(verdict)} {verdict.value}", *_VERDICTS[verdict]) for verdict in Verdict]
    unjudged = sum(trial.verdict is None for trial in session.trials)
    if unjudged:
        counts.append(_value(f"{unjudged} without a verdict", Tone.WARNING))
    judges = ", ".join(_differing(trial.judge for trial in session.trials))
    rows = [_row("judged", f"{judged}{target}", *counts, _quiet(f"by {judges}" if judges else ""))]
    if judged:
        words = _value(rate(success, judged), strong=True)
        rows.append(_row("success", words, _quiet("95 % interval"), interval=Interval.of(success, judged)))
    return rows


def _failures(session: Session) -> list[Row]:
    """How often each failure mode."""
    modes = Counter(t.failure_mode or "not said" for t in session.trials if t.verdict is Verdict.FAILURE)
    return (
        [_row("failures", *(f"{mode} {count}" for mode, count in modes.most_common()))]
        if set(modes) - {"not said"}
        else []
    )


def _motion(session: Session) -> list[Row]:
    if not session.dataset or all(trial.episode_index is None for trial in session.trials):
        return []  # without an episode the worker left no dataset
    return [_row("motion", session.dataset), _row("motion", _quiet(session.dataset_root))]


def _differing(texts: Iterable[str]) -> list[str]:
    """Each text once, the empty one left out."""
    return [text for text in dict.fromkeys(texts) if text]


def _trials(session: Session) -> list[Row]:
    """Every attempt; policy and condition where they are not the same for all."""
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
    """Named by its number among those that count, as on the screen during the session; its columns may be empty."""
    tone, mark = _VERDICTS[trial.verdict] if trial.verdict else (Tone.WARNING, Mark.OPEN)
    episode = f"episode {trial.episode_index}" if trial.episode_index is not None else "not saved"
    columns = [
        _value("", tone, mark, strong=True), _value(f"{trial.seconds:.1f} s"), _quiet(trial.ended_by), _quiet(episode),
        _value(policy), _value(condition),
        _value(", ".join(words for words in (trial.failure_mode, trial.why) if words)),
    ]  # fmt: skip
    return Row(str(number), tuple(columns))

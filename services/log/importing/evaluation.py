"""An evaluation of an import file as the events of a session. What is not recorded stays unknown."""

from __future__ import annotations

from collections.abc import Iterator

from services.live import events as ev
from services.log.importing.adding import Identity, Import
from services.log.importing.file import ImportFile
from services.log.importing.remarks import remarks
from services.log.importing.tables import EvaluationTable, Modes, TrainingTable, VerdictTable
from services.log.importing.training import run_name, when
from services.text import clean
from services.units import plural
from sessions.bench import Profile
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.recorded import RecordedEvaluation
from sessions.requests import EvalRequest


def imports(file: ImportFile) -> list[Import]:
    """The evaluations of the file, in its order."""
    trainings = {table.key: table for table in file.trainings}
    return [_import(file, table, trainings.get(table.training)) for table in file.evaluations]


def _import(file: ImportFile, table: EvaluationTable, training: TrainingTable | None) -> Import:
    at, day_only = when(table.date)
    took = table.took_s
    checkpoint = _checkpoint(table, training)
    trials = list(_trials(table))
    counted = sum(each.verdict != Verdict.VOID for each in trials)
    request = EvalRequest(
        data_dir="", operator=clean(table.operator), profile=Profile(robot={}), checkpoint=checkpoint,
        task=clean(table.task), dataset="", trials=counted, trial_seconds=table.trial_s or 0.0,
        countdown=table.countdown_s or 0.0, fps=round(table.fps or 0), condition=clean(table.condition),
    )  # fmt: skip
    recorded = RecordedEvaluation(
        cameras=table.cameras, cameras_left_out=table.cameras_left_out, reset=clean(table.reset),
        trial_s=table.trial_s or 0.0, countdown_s=table.countdown_s, fps=table.fps or 0.0, ordered=bool(table.verdicts),
        failures=tuple(map(clean, table.failures)), flags=clean(table.flags),
    )  # fmt: skip
    origin = ev.SessionStarted(
        at=at, id="", pid=0, host="", request=request, imported=str(file.path), import_key=table.key,
        day_only=day_only, recorded=recorded,
    )  # fmt: skip
    ended = ev.SessionEnded(
        at=at + took if at and took and not day_only else 0.0, status=SessionStatus.FINISHED,
        reason=f"{plural(counted, 'trial')} judged", took_s=took,
    )  # fmt: skip
    judged = [event for n, each in enumerate(trials, 1) for event in _events(n, each, checkpoint, request.operator)]
    made_by = Identity(SessionKind.TRAIN.value, training.key, run_name(training)) if training else None
    return Import((origin, *judged, ended, *remarks(table)), trained_by=made_by)


def _checkpoint(table: EvaluationTable, training: TrainingTable | None) -> str:
    """The checkpoint as its training has it, a folder, or if that is not recorded its label: `B1 @ 020000`."""
    if training is None:
        return clean(table.checkpoint)
    if table.step is None:
        return clean(run_name(training))
    step = f"{table.step:0{max(6, len(str(training.steps_wanted or training.steps)))}}"
    where = training.output_dir.rstrip("/")
    return f"{where}/checkpoints/{step}/pretrained_model" if where else clean(f"{run_name(training)} @ {step}")


def _trials(table: EvaluationTable) -> Iterator[VerdictTable]:
    """Each trial: as told, or as many of each kind as were counted."""
    if table.verdicts:
        yield from table.told
        return
    for each in table.by_condition:
        yield from _counted(each.successes, each.trials, each.failure_modes, each.condition)
    if table.successes is not None and table.trials is not None:
        yield from _counted(table.successes, table.trials, table.failure_modes, table.condition)
    yield from [VerdictTable(verdict=Verdict.VOID, condition=table.condition)] * table.void


def _counted(successes: int, trials: int, modes: Modes, condition: str) -> Iterator[VerdictTable]:
    yield from [VerdictTable(verdict=Verdict.SUCCESS, condition=condition)] * successes
    for mode, count in modes.items():
        yield from [VerdictTable(verdict=Verdict.FAILURE, condition=condition, failure_mode=mode)] * count
    rest = trials - successes - sum(modes.values())
    yield from [VerdictTable(verdict=Verdict.FAILURE, condition=condition)] * rest


def _events(number: int, trial: VerdictTable, checkpoint: str, judge: str) -> Iterator[ev.Event]:
    """Of one trial: that it began, its verdict, help, its failure mode. None of their times is recorded."""
    condition = clean(trial.condition)
    yield ev.TrialStarted(trial=number, checkpoint=checkpoint, condition=condition)
    yield ev.TrialJudged(trial=number, verdict=Verdict(trial.verdict), judge=judge)
    if trial.assisted:
        yield ev.TrialAssisted(trial=number, assisted=True)
    if trial.failure_mode:
        yield ev.TrialAnnotated(trial=number, failure_mode=clean(trial.failure_mode))

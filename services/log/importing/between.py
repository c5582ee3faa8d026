"""What is wrong between the tables of an import file, which name each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.log.importing.between_recording import of_recording
from services.log.importing.tables import DatasetTable, EvaluationTable, TrainingTable
from services.near import did_you_mean
from services.text import clean

Place = tuple[str, int, str]
"""The kind of a table, its number from 1, and the key in it."""


def between(tables: Mapping[str, list[Any]], datasets: Mapping[str, DatasetTable]) -> Iterator[tuple[Place, str]]:
    """Where and what: keys that occur twice; datasets, cameras, trainings and checkpoints that there are not."""
    for kind, found in tables.items():
        keys = [table.key for table in found]
        for key, times in Counter(keys).items():
            if times == 1:
                continue
            second = [at for at, each in enumerate(keys, 1) if each == key][1]
            each = f"this key occurs {times} times; each {kind} needs one of its own"
            yield (kind, second, "key"), f"{kind} {clean(key)}: {each}"
    for number, recording in enumerate(tables["recording"], 1):
        for key, text in of_recording(recording, datasets):
            yield ("recording", number, key), f"recording {clean(recording.key)}: {key}: {text}"
    for number, training in enumerate(tables["training"], 1):
        for key, text in _of_training(training, datasets):
            yield ("training", number, key), f"training {clean(training.key)}: {key}: {text}"
    trainings = {table.key: table for table in tables["training"]}
    for number, evaluation in enumerate(tables["evaluation"], 1):
        for key, text in _of_evaluation(evaluation, trainings, datasets):
            yield ("evaluation", number, key), f"evaluation {clean(evaluation.key)}: {key}: {text}"


def _of_training(training: TrainingTable, datasets: Mapping[str, DatasetTable]) -> Iterator[tuple[str, str]]:
    dataset = datasets.get(training.dataset)
    if dataset is None:
        near = did_you_mean(training.dataset, datasets)
        yield "dataset", f"there is no [[dataset]] with key '{clean(training.dataset)}'{near}"
        return
    yield from _cameras(training, dataset)
    for episode in training.episodes_left_out or ():
        if dataset.episodes is None or episode >= dataset.episodes:
            known = f"{dataset.episodes}, numbered from 0" if dataset.episodes else "a number that is not recorded"
            yield "episodes_left_out", f"there is no episode {episode}: dataset {clean(dataset.key)} has {known}"
            return


def _cameras(table: TrainingTable | EvaluationTable, dataset: DatasetTable) -> Iterator[tuple[str, str]]:
    there = dataset.cameras
    for key, cameras in (("cameras", table.cameras or ()), ("cameras_left_out", table.cameras_left_out)):
        for camera in cameras:
            if there is not None and camera not in there:
                named = f"dataset {clean(dataset.key)} has no camera '{clean(camera)}'"
                yield key, f"{named}{did_you_mean(camera, there)}"


def _of_evaluation(
    evaluation: EvaluationTable, trainings: Mapping[str, TrainingTable], datasets: Mapping[str, DatasetTable]
) -> Iterator[tuple[str, str]]:
    if not evaluation.training:
        return
    training = trainings.get(evaluation.training)
    if training is None:
        near = did_you_mean(evaluation.training, trainings)
        yield "training", f"there is no [[training]] with key '{clean(evaluation.training)}'{near}"
        return
    if training.dataset in datasets:
        yield from _cameras(evaluation, datasets[training.dataset])
    if evaluation.step is not None and (why := _no_checkpoint(evaluation.step, training)):
        yield "step", why


def _no_checkpoint(step: int, training: TrainingTable) -> str:
    if step > training.steps:
        return f"{step:,} is after the last of the {training.steps:,} steps of training {clean(training.key)}"
    if training.checkpoint_steps and step not in training.checkpoint_steps:
        return f"training {clean(training.key)} has no checkpoint of step {step:,}: it has {_steps(training)}"
    return ""


def _steps(training: TrainingTable, most: int = 8) -> str:
    steps: Sequence[int] = sorted(set(training.checkpoint_steps))
    more = f" and {len(steps) - most} more" if len(steps) > most else ""
    return ", ".join(f"{step:,}" for step in steps[:most]) + more

"""Reads an import file, TOML: `[[training]]`, `[[dataset]]`. Every sentence about it names file, table and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.log.import_tables import TABLES, DatasetTable, PointTable, TrainingTable
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read; one with every point of many trainings has a few."""
_TYPES = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
    "object": "a table",
}  # fmt: skip
"""What msgspec calls the kinds of values, and what people do."""
_TYPE = re.compile(rf"\b({'|'.join(_TYPES)})\b")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<key>.*)`", re.DOTALL)
_PLACE = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<key>.*)`)?", re.DOTALL)


@dataclass(frozen=True)
class ImportFile:
    """What a file holds: every table was checked, also against those that it names."""

    path: Path
    datasets: Mapping[str, DatasetTable]
    trainings: tuple[TrainingTable, ...]


def read(path: Path) -> ImportFile:
    """Read and check the file. Raises Refusal with everything that is wrong, a sentence for each, in lines."""
    tables = _tables(path)
    problems: list[str] = []
    read_tables: dict[str, list[Any]] = {kind: [] for kind in TABLES}
    for kind, known in TABLES.items():
        for number, plain in enumerate(tables.get(kind, ()), 1):
            where = f"{clean(path.name)}: {_called(kind, number, plain)}"
            try:
                read_tables[kind].append(msgspec.convert(_recorded(plain), known))
            except msgspec.ValidationError as error:
                problems.append(f"{where}: {_sentence(str(error), known)}")
    datasets: dict[str, DatasetTable] = {table.key: table for table in read_tables["dataset"]}
    trainings: list[TrainingTable] = read_tables["training"]
    if not problems:
        problems = [f"{clean(path.name)}: {text}" for text in _between(read_tables, datasets)]
    if problems:
        raise Refusal("\n".join(problems))
    if not trainings:
        raise Refusal(f"{clean(path.name)} has no [[training]] table: nothing is in it to import")
    return ImportFile(path, datasets, tuple(trainings))


def _tables(path: Path) -> Mapping[str, list[dict[str, Any]]]:
    """The file's tables, of whatever content. Raises Refusal."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Refusal(f"{clean(str(path))} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        raise Refusal(f"{clean(str(path))} is larger than {LARGEST // 1024**2} MB: split it")
    try:
        found = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refusal(f"{clean(path.name)} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise Refusal(f"{clean(path.name)} is no TOML: {clean(str(error)) or 'nested too deep'}") from error
    for name, value in found.items():
        if name not in TABLES:
            there = f"an import file has {' and '.join(f'[[{kind}]]' for kind in TABLES)} tables"
            raise Refusal(f"{clean(path.name)}: '{clean(name)}' is not known: {there}{did_you_mean(name, TABLES)}")
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise Refusal(f"{clean(path.name)}: write [[{name}]] before each {name}, with two brackets")
    return found


def _called(kind: str, number: int, plain: Mapping[str, Any]) -> str:
    """`training B1`, or `training number 3` of one without a key."""
    key = plain.get("key")
    return f"{kind} {clean(key)}" if isinstance(key, str) and key else f"{kind} number {number}"


def _recorded(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The table without what it says is not recorded."""
    return {key: value for key, value in plain.items() if value != "not recorded"}


def _sentence(error: str, table: type[msgspec.Struct]) -> str:
    """The error of msgspec as a sentence with the key, and with the nearest of those that there are."""
    place = _PLACE.fullmatch(error)
    why, key = (place["why"], place["key"] or "") if place else (error, "")
    inner = PointTable if key.startswith("points") else table
    within = f"{clean(key)}: " if key else ""
    if unknown := _UNKNOWN.fullmatch(why):
        name = unknown["key"]
        return f"{within}'{clean(name)}' is not known{did_you_mean(name, inner.__struct_fields__)}"
    if missing := _MISSING.fullmatch(why):
        return f"{within}{missing['key']} is missing"
    plain = why.replace("`", "").replace("Expected ", "expected ").replace("Invalid value", "is not a known value")
    if plain.startswith("expected "):
        plain = _TYPE.sub(lambda found: _TYPES[found[0]], plain.replace(" | null", "")).replace(" | ", " or ")
    return f"{within}{clean(plain)}"


# -- tables that name each other ----------------------------------------------------------------------


def _between(tables: Mapping[str, list[Any]], datasets: Mapping[str, DatasetTable]) -> Iterator[str]:
    """What is wrong between tables: keys that occur twice, datasets and cameras that there are not."""
    for kind, found in tables.items():
        keys = [table.key for table in found]
        for key in dict.fromkeys(key for key in keys if keys.count(key) > 1):
            yield f"{kind} {clean(key)}: this key occurs {keys.count(key)} times; each {kind} needs one of its own"
    for training in tables["training"]:
        yield from (f"training {clean(training.key)}: {text}" for text in _about(training, datasets))


def _about(training: TrainingTable, datasets: Mapping[str, DatasetTable]) -> Iterator[str]:
    dataset = datasets.get(training.dataset)
    if dataset is None:
        near = did_you_mean(training.dataset, datasets)
        yield f"dataset: there is no [[dataset]] with key '{clean(training.dataset)}'{near}"
        return
    there = dataset.cameras
    for key, cameras in (("cameras", training.cameras or ()), ("cameras_left_out", training.cameras_left_out)):
        for camera in cameras:
            if there is not None and camera not in there:
                named = f"dataset {clean(dataset.key)} has no camera '{clean(camera)}'"
                yield f"{key}: {named}{did_you_mean(camera, there)}"
    for episode in training.episodes_left_out or ():
        if dataset.episodes is None or episode >= dataset.episodes:
            known = f"{dataset.episodes}, numbered from 0" if dataset.episodes else "a number that is not recorded"
            yield f"episodes_left_out: there is no episode {episode}: dataset {clean(dataset.key)} has {known}"
            return

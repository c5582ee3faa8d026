"""Reads an import file, TOML: `[[dataset]]`, `[[recording]]`, `[[training]]`, `[[evaluation]]`,
`[[bench]]`.

Every sentence about it names file, line, table and key.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.log.importing.between import between
from services.log.importing.kinds import PARTS, TABLES
from services.log.importing.lines import HEADER, Lines
from services.log.importing.recording_tables import BenchTable, RecordingTable
from services.log.importing.tables import DatasetTable, EvaluationTable, Table, TrainingTable
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean
from sessions.files import open_to_read

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read; one with every point of many trainings has a few."""
MOST_TOLD = 100
"""Sentences on what is wrong: whoever mends these sees the next."""
PARTS_OF_KEY = 200
_DEEP = re.compile(rf"(?<![\w-])(?:[\"']?+[\w-]++[\"']?+[ \t]*+\.[ \t]*+){{{PARTS_OF_KEY}}}")
"""A dotted key of so many parts: tomllib takes the square of their number in time."""
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
    evaluations: tuple[EvaluationTable, ...] = ()
    recordings: tuple[RecordingTable, ...] = ()
    benches: tuple[BenchTable, ...] = ()


def read(path: Path) -> ImportFile:
    """Read and check the file. Raises Refusal with everything that is wrong, a sentence for each, in lines."""
    tables, lines = _tables(path)
    problems: list[str] = []
    read_tables: dict[str, list[Any]] = {kind: [] for kind in TABLES}
    for kind, known in TABLES.items():
        for number, plain in enumerate(tables.get(kind, ()), 1):
            try:
                read_tables[kind].append(msgspec.convert(_recorded(plain), known))
            except msgspec.ValidationError as error:
                key, sentence = _sentence(str(error), known)
                where = lines.of(kind, number, key)
                problems.append(f"{clean(path.name)}{where}: {_called(kind, number, plain)}: {sentence}")
    datasets: dict[str, DatasetTable] = {table.key: table for table in read_tables["dataset"]}
    trainings: list[TrainingTable] = read_tables["training"]
    evaluations: list[EvaluationTable] = read_tables["evaluation"]
    if not problems:
        problems = [f"{clean(path.name)}{lines.of(*at)}: {text}" for at, text in between(read_tables, datasets)]
    if problems:
        more = [f"{len(problems) - MOST_TOLD:,} more things are wrong with it"] if len(problems) > MOST_TOLD else []
        raise Refusal("\n".join([*problems[:MOST_TOLD], *more]))
    recordings: list[RecordingTable] = read_tables["recording"]
    benches: list[BenchTable] = read_tables["bench"]
    if not (recordings or trainings or evaluations or benches):
        without = "no [[recording]], no [[training]], no [[evaluation]] and no [[bench]] table"
        raise Refusal(f"{clean(path.name)} has {without}: nothing is in it to import")
    return ImportFile(path, datasets, tuple(trainings), tuple(evaluations), tuple(recordings), tuple(benches))


SNIFFED = 64 * 1024
"""Bytes at the head of a file that tell whether it has such tables."""


def is_import_file(path: Path) -> bool:
    """Whether it is meant as one: by its name, or by a table that it begins with. Raises OSError."""
    if path.suffix.lower() == ".toml":
        return True
    with os.fdopen(open_to_read(path), "rb") as file:
        start = file.read(SNIFFED)
    if b"\0" in start:
        return False
    headers = (HEADER.fullmatch(line) for line in start.decode("utf-8", "replace").splitlines())
    return any(found["kind"] in TABLES for found in headers if found)


def _tables(path: Path) -> tuple[Mapping[str, list[dict[str, Any]]], Lines]:
    """The file's tables, of whatever content, and where they stand. Raises Refusal."""
    try:
        with os.fdopen(open_to_read(path), "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Refusal(f"{clean(str(path))} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        raise Refusal(f"{clean(str(path))} is larger than {LARGEST // 1024**2} MB: split it")
    try:
        written = data.decode("utf-8")
        if _DEEP.search(written):
            raise Refusal(f"{clean(path.name)} is no import file: a key in it has over {PARTS_OF_KEY} parts")
        found = tomllib.loads(written)
    except UnicodeDecodeError as error:
        raise Refusal(f"{clean(path.name)} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise Refusal(f"{clean(path.name)} is no TOML: {clean(str(error)) or 'nested too deep'}") from error
    for name, value in found.items():
        if name not in TABLES:
            there = f"an import file has {', '.join(f'[[{kind}]]' for kind in TABLES)} tables"
            raise Refusal(f"{clean(path.name)}: '{clean(name)}' is not known: {there}{did_you_mean(name, TABLES)}")
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise Refusal(f"{clean(path.name)}: write [[{name}]] before each {name}, with two brackets")
    return found, Lines(written, {kind: len(tables) for kind, tables in found.items()})


def _called(kind: str, number: int, plain: Mapping[str, Any]) -> str:
    """`training B1`, or `training number 3` of one without a key."""
    key = plain.get("key")
    return f"{kind} {clean(key)}" if isinstance(key, str) and key else f"{kind} number {number}"


def _recorded(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The table without what it says is not recorded."""
    return {key: value for key, value in plain.items() if value != "not recorded"}


def _sentence(error: str, table: type[Table]) -> tuple[str, str]:
    """(key, sentence) of an error of msgspec, with the nearest of the keys that there are."""
    place = _PLACE.fullmatch(error)
    why, key = (place["why"], place["key"] or "") if place else (error, "")
    outer = re.split(r"[.\[]", key)[0]
    inner = PARTS.get((table, outer), table)
    within = f"{clean(key)}: " if key else ""
    if unknown := _UNKNOWN.fullmatch(why):
        name = unknown["key"]
        known = inner.__struct_fields__
        return outer or name, f"{within}'{clean(name)}' is not known{did_you_mean(name, known)}"
    if missing := _MISSING.fullmatch(why):
        return outer, f"{within}{missing['key']} is missing"
    plain = why.replace("`", "").replace("Expected ", "expected ").replace("Invalid value", "is not a known value")
    if plain.startswith("expected "):
        plain = _TYPE.sub(lambda found: _TYPES[found[0]], plain.replace(" | null", "")).replace(" | ", " or ")
    return outer or plain.split(" ", 1)[0], f"{within}{clean(plain)}"

"""What tells one episode from another, whatever its number and its file: a digest of its recorded values.

LeRobot's delete, split and merge renumber episodes and write them into other files; their values stay bit for bit.
Reads parquet (pyarrow), so import this only where a dataset is really looked into. A file is read once as long as
its stamp stays: forms and lists look at every dataset again and again.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sessions.files import check_file

EPISODE = "episode_index"
_TELLING = ("observation.state", "action")
"""The first of these that a dataset has is digested: states are edited least."""
_NUMBERING = frozenset({EPISODE, "index", "frame_index", "task_index", "timestamp"})
_LENGTH = 32
"""Hexadecimal digits of a digest."""
_MOST_KNOWN = 50_000
_Stamp = tuple[int, int, int, int, int]
_Choose = Callable[[pa.Schema], list[str]]
_known: dict[tuple[Path, _Choose], tuple[_Stamp, Mapping[int, str]]] = {}
"""What each file held of the chosen columns, and its stamp before it was read."""


def contents(files: Iterable[Path]) -> dict[int, str]:
    """The digest of each episode in these data files. An episode without numeric values has an empty one.

    Raises OSError or pyarrow.ArrowException for a file that cannot be read.
    """
    found: dict[int, str] = {}
    for path in sorted(set(files)):
        found |= _of_file(path, _telling)
    return found


def contents_of(root: Path, episodes: int) -> dict[int, str]:
    """The digest of each of the dataset's first `episodes` episodes; empty for one without numeric values or rows.

    A file that cannot be read matters only if it may hold one of them. Raises OSError.
    """
    return _of_all(root, episodes, _telling)


def values_of(root: Path, episodes: int) -> dict[int, str]:
    """The same of all numbers that were recorded, actions among them: whatever of them is edited, it is another."""
    return _of_all(root, episodes, _numeric)


def _of_all(root: Path, episodes: int, choose: _Choose) -> dict[int, str]:
    found: dict[int, str] = {}
    unreadable: list[str] = []
    for path in data_files(root):
        try:
            found |= _of_file(path, choose)
        except _Foreign as foreign:
            unreadable.append(str(foreign).removeprefix(f"{root}/"))
        except (OSError, pa.ArrowException):
            unreadable.append(f"{path.relative_to(root)} is torn, or may not be read")
    if unreadable and not found.keys() >= set(range(episodes)):
        raise OSError(unreadable[0])
    return {index: found.get(index, "") for index in range(episodes)}


def data_files(root: Path) -> list[Path]:
    """The dataset's data files, as LeRobot lays them out."""
    return sorted(root.glob("data/*/*.parquet"))


def content_of(root: Path, episode: int) -> str:
    """The digest of one episode; empty if the dataset has no such rows, or they cannot be read."""
    import pyarrow.dataset as pads  # slow to load, and needed here only

    try:
        data = pads.dataset([str(path) for path in data_files(root)], format="parquet")
        columns = _telling(data.schema)
        table = data.to_table(columns=[EPISODE, *columns], filter=pads.field(EPISODE) == episode)
    except (OSError, pa.ArrowException):
        return ""
    return _digest(table, columns) if table.num_rows else ""


def _of_file(path: Path, choose: _Choose) -> Mapping[int, str]:
    info = path.stat()
    stamp = info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
    known = _known.get((path, choose))
    if known is None or known[0] != stamp:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[path, choose] = stamp, _read(path, choose)
    return known[1]


class _Foreign(OSError):
    """A data file of another layout; the message names it and says what it lacks."""


def _read(path: Path, choose: _Choose) -> dict[int, str]:
    """The digest of each episode in the file. Raises OSError or pyarrow.ArrowException if it cannot be read."""
    check_file(path)
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        if EPISODE not in schema.names or not pa.types.is_integer(schema.field(EPISODE).type):
            raise _Foreign(f"{path} has no column {EPISODE} of whole numbers")
        columns = choose(schema)
        table = file.read(columns=[EPISODE, *columns])
    if table[EPISODE].null_count:
        raise _Foreign(f"{path} has rows without {EPISODE}")
    numbers = table[EPISODE].to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)] if len(numbers) else []
    return {
        int(numbers[start]): _digest(table.slice(start, end - start), columns)
        for start, end in itertools.pairwise(starts)
    }


def _telling(schema: pa.Schema) -> list[str]:
    """The first telling column, else every numeric one that is no numbering."""
    telling = next(
        (name for name in _TELLING if name in schema.names and _holds_numbers(schema.field(name).type)), None
    )
    return [telling] if telling else sorted(f.name for f in schema if f.name not in _NUMBERING and _is_numeric(f.type))


def _numeric(schema: pa.Schema) -> list[str]:
    """Every numeric column that is no numbering."""
    return sorted(f.name for f in schema if f.name not in _NUMBERING and _holds_numbers(f.type))


def _holds_numbers(kind: Any) -> bool:
    return _is_numeric(kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind)


def _is_numeric(kind: Any) -> bool:
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _digest(table: pa.Table, columns: list[str]) -> str:
    if not columns:
        return ""
    digest = hashlib.sha256(f"{table.num_rows} rows".encode())
    for name in columns:
        digest.update(f"; {name}: ".encode())
        digest.update(_values(table[name]).astype("<f8").tobytes())
    return digest.hexdigest()[:_LENGTH]


def _values(column: Any) -> Any:
    """All numbers of the column in a row, however deep its lists."""
    array = column.combine_chunks()
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    while hasattr(array, "flatten") and not pa.types.is_primitive(array.type):
        array = array.flatten()
    return np.asarray(array.to_numpy(zero_copy_only=False))

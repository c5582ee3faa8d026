"""W&B's offline files (`wandb/offline-run-*/run-*.wandb`), without W&B or its service.

They are LevelDB logs of protocol buffers. W&B's own reader (`wandb/sdk/internal/datastore.py`) opens them for writing,
asserts that nothing is torn and cannot follow one that grows; importing its messages takes 0.9 s. The numbers of fields
are those of wandb/proto/wandb_internal.proto, which tests/lerobot_seams checks against the installed W&B.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from services.training.watching import wire
from services.training.watching.growing import GrowingFiles
from services.training.watching.points import MOST, End, LoggedRun, known_as

BLOCK, HEAD = 32_768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
RECORD_HISTORY, RECORD_CONFIG, RECORD_RUN, RECORD_EXIT = 2, 5, 17, 18
HISTORY_ITEM, HISTORY_STEP, STEP_NUMBER = 1, 2, 1
ITEM_KEY, ITEM_NESTED, ITEM_VALUE = 1, 2, 16
RUN_CONFIG, CONFIG_UPDATE, EXIT_CODE = 4, 1, 1
NOT_METRICS = frozenset({"steps", "samples", "episodes", "epochs"})


class WandbFiles(GrowingFiles):
    """The files of one folder, a run each."""

    note = "W&B writes its file in blocks of 32 kB: points come many at a time"

    def __init__(self, paths: Sequence[Path], where: str = "") -> None:
        super().__init__(paths, where)
        self._run_of: dict[Path, LoggedRun] = {}

    def parse(self, path: Path, data: bytes, offset: int) -> int:
        """Read whole records, which may be cut into pieces at the ends of blocks; returns the bytes used."""
        used = at = 0 if offset else min(HEAD, len(data))
        pieces = b""
        while True:
            left = BLOCK - (offset + at) % BLOCK
            if left < HEAD:
                at += left
            if at + HEAD > len(data):
                return used
            checksum, size, kind = struct.unpack_from("<IHB", data, at)
            piece = data[at + HEAD : at + HEAD + size]
            if kind in (FULL, FIRST, MIDDLE, LAST) and len(piece) < size:
                return used
            if kind not in (FULL, FIRST, MIDDLE, LAST) or zlib.crc32(piece, zlib.crc32(bytes((kind,)))) != checksum:
                self.damaged = True  # the next block begins with a record
                at, pieces = at + BLOCK - (offset + at) % BLOCK, b""
                used = min(at, len(data))
                continue
            at += HEAD + size
            pieces = piece if kind in (FULL, FIRST) else pieces + piece
            if kind in (FULL, LAST):
                self._record(path, pieces)
                used = at

    def _record(self, path: Path, record: bytes) -> None:
        try:
            for number, value in wire.fields(record):
                if number == RECORD_HISTORY:
                    self._history(self._run(path), wire.part(value))
                elif number == RECORD_RUN:
                    self._configure(path, (wire.part(v) for n, v in wire.fields(wire.part(value)) if n == RUN_CONFIG))
                elif number == RECORD_CONFIG:
                    self._configure(path, [wire.part(value)])
                elif number == RECORD_EXIT:
                    self._exit(self._run(path), wire.part(value))
        except wire.Damaged:
            self.damaged = True

    def _run(self, path: Path) -> LoggedRun:
        run = self._run_of.get(path)
        if run is None:
            run = self._run_of[path] = LoggedRun(len(self.runs) + 1)
            self.runs.append(run)
        return run

    def _configure(self, path: Path, configs: Iterable[bytes]) -> None:
        facts = self._run(path).facts
        for config in configs:
            values = {name: value for name, value in _items(config, CONFIG_UPDATE) if name != "_wandb"}
            if values:
                facts.learn(facts.config | values)

    @staticmethod
    def _exit(run: LoggedRun, message: bytes) -> None:
        code = next((wire.signed(value) for number, value in wire.fields(message) if number == EXIT_CODE), 0)
        run.end = End.FAILED if code else End.FINISHED
        run.failure = f"it left with status {code}" if code else ""

    @staticmethod
    def _history(run: LoggedRun, message: bytes) -> None:
        values = dict(_items(message, HISTORY_ITEM))
        numbers = {name: float(value) for name, value in values.items() if _is_number(value)}
        step = numbers.get("train/steps", numbers.get("_step", _step(message)))
        at, samples = numbers.get("_timestamp", 0.0), numbers.get("train/samples")
        named = {known_as(name): value for name, value in numbers.items() if not name.startswith("_")}
        metrics = {name: value for name, value in named.items() if name not in NOT_METRICS}
        increases = not len(run.points) or step > run.points.steps[-1]
        if metrics and isfinite(step) and 0 <= step < MOST and increases:
            run.points.append(int(step), True, int(samples) if samples is not None else None, at, metrics)


def _items(message: bytes, item: int) -> Iterator[tuple[str, Any]]:
    """The named values of a history or a configuration. Raises wire.Damaged."""
    for number, value in wire.fields(message):
        if number != item:
            continue
        key, nested, stored = "", list[str](), b"null"
        for part, each in wire.fields(wire.part(value)):
            if part == ITEM_KEY:
                key = wire.text(each)
            elif part == ITEM_NESTED:
                nested.append(wire.text(each))
            elif part == ITEM_VALUE:
                stored = wire.part(each)
        yield key or "/".join(nested), _decoded(stored)


def _decoded(stored: bytes) -> Any:
    """W&B writes what is not finite as Python's json does, or as a text."""
    odd = {b"NaN": "nan", b"Infinity": "inf", b"-Infinity": "-inf"}.get(stored.strip(b'"'))
    if odd:
        return float(odd)
    try:
        return msgspec.json.decode(stored)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < MOST


def _step(message: bytes) -> float:
    for number, value in wire.fields(message):
        if number == HISTORY_STEP:
            return float(next((wire.signed(v) for n, v in wire.fields(wire.part(value)) if n == STEP_NUMBER), 0))
    return float("nan")

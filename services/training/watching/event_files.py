"""TensorBoard's event files (`events.out.tfevents.*`): scalars, as `simple_value` or as a tensor of one value.

A file is a series of records: length (8 bytes), a checksum of it, an Event message, a checksum of that. The numbers of
fields are those of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto and tensor.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from services.training.watching import wire
from services.training.watching.growing import GrowingFiles
from services.training.watching.points import MOST, LoggedRun, known_as

HEAD, FOOT = 12, 4
LARGEST = 256 * 1024 * 1024
"""Bytes of a record beyond which the framing is taken for damaged."""
EVENT_TIME, EVENT_STEP, EVENT_SUMMARY = 1, 2, 5
VALUE, VALUE_TAG, VALUE_SIMPLE, VALUE_TENSOR = 1, 1, 2, 8
TENSOR_TYPE, TENSOR_CONTENT = 1, 4
TENSOR_LISTS = {5: "f", 6: "d", 7: "i", 10: "i"}
"""Fields of a tensor that list its values: float_val, double_val, int_val, int64_val."""
TENSOR_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}
"""How tensor_content is packed, by the tensor's type: DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64."""
SCALARS_ONLY = 16 * 1024
"""Bytes of an event beyond which it holds an image or a graph, and is left out."""


@dataclass(frozen=True)
class Scalar:
    """A value at a step; `at` is its Unix time."""

    tag: str
    step: int
    at: float
    value: float


class EventFiles(GrowingFiles):
    """The event files of one folder, in the order of their names, which begin with the time: one run after another."""

    def __init__(self, paths: Sequence[Path], where: str = "") -> None:
        super().__init__(paths, where)
        self._open: tuple[int, float, dict[str, float]] | None = None

    def parse(self, path: Path, data: bytes, offset: int) -> int:
        """Read whole records; returns the bytes used."""
        used = 0
        while used + HEAD + FOOT <= len(data):
            (size,) = struct.unpack_from("<Q", data, used)
            (sum_of_size,) = struct.unpack_from("<I", data, used + 8)
            if size > LARGEST or masked_crc(data[used : used + 8]) != sum_of_size:
                self.damaged = True
                return len(data)  # where the next record begins cannot be known
            end = used + HEAD + size + FOOT
            if end > len(data):
                break
            if size <= SCALARS_ONLY:
                self._event(data[used + HEAD : end - FOOT], data[end - FOOT : end])
            used = end
        return used

    def _event(self, event: bytes, checksum: bytes) -> None:
        if masked_crc(event) != struct.unpack("<I", checksum)[0]:
            self.damaged = True  # the framing holds: only this one is left out
            return
        try:
            scalars = list(scalars_of(event))
        except wire.Damaged:
            self.damaged = True
            return
        for scalar in scalars:
            self._scalar(scalar)

    def _scalar(self, scalar: Scalar) -> None:
        """Scalars of one step are one point."""
        if self._open is None or self._open[0] != scalar.step:
            self.settle()
            self._open = (scalar.step, scalar.at, {})
        self._open[2][known_as(scalar.tag)] = scalar.value

    def settle(self) -> bool:
        """Nothing more of this step is expected."""
        if self._open is None:
            return False
        (step, at, metrics), self._open = self._open, None
        run = self.run_for(step, metrics)
        samples = metrics.pop("samples", None)
        for name in ("steps", "episodes", "epochs"):
            metrics.pop(name, None)
        if metrics:
            run.points.append(step, True, _whole(samples), at, metrics)
        return bool(metrics)

    def run_for(self, step: int, metrics: dict[str, float]) -> LoggedRun:
        """The newest run, or a new one if steps begin anew."""
        last = self.runs[-1] if self.runs else None
        if last is None or (len(last.points) and step < last.points.steps[-1] and "loss" in metrics):
            last = LoggedRun(len(self.runs) + 1)
            self.runs.append(last)
        return last


def _whole(number: float | None) -> int | None:
    return int(number) if number is not None and isfinite(number) and 0 <= number < MOST else None


def scalars_of(event: bytes) -> Iterator[Scalar]:
    """The scalars of an Event message. Raises wire.Damaged."""
    at, step, summaries = 0.0, 0, []
    for number, value in wire.fields(event):
        if number == EVENT_TIME:
            at = wire.floating(value)
        elif number == EVENT_STEP:
            step = wire.signed(value)
        elif number == EVENT_SUMMARY:
            summaries.append(wire.part(value))
    if not 0 <= step < MOST or not isfinite(at):
        return
    for summary in summaries:
        for number, value in wire.fields(summary):
            if number == VALUE and (found := _value(wire.part(value))) is not None:
                yield Scalar(found[0], step, at, found[1])


def _value(message: bytes) -> tuple[str, float] | None:
    tag, value = "", None
    for number, each in wire.fields(message):
        if number == VALUE_TAG:
            tag = wire.text(each)
        elif number == VALUE_SIMPLE:
            value = wire.floating(each)
        elif number == VALUE_TENSOR:
            value = _tensor(wire.part(each))
    return (tag, value) if tag and value is not None else None


def _tensor(message: bytes) -> float | None:
    """The value of a tensor that holds one; None for any other."""
    kind, content, listed = 0, b"", list[float]()
    for number, each in wire.fields(message):
        if number == TENSOR_TYPE:
            kind = wire.signed(each)
        elif number == TENSOR_CONTENT:
            content = wire.part(each)
        elif number in TENSOR_LISTS:
            listed += _listed(TENSOR_LISTS[number], each)
    form = TENSOR_FORMATS.get(kind, "")
    if form and len(content) == struct.calcsize(form):
        return float(struct.unpack(form, content)[0])
    return listed[0] if len(listed) == 1 else None


def _listed(form: str, value: int | bytes) -> list[float]:
    """The values of a list field, packed or single; of a long one the first two."""
    if isinstance(value, int):
        return [float(wire.signed(value))]
    if form == "i":
        return [float(wire.signed(each)) for _, each in zip(range(2), _packed(value), strict=False)]
    size = struct.calcsize(form)
    return [float(struct.unpack_from(f"<{form}", value, at)[0]) for at in range(0, min(len(value), 2 * size), size)
            if at + size <= len(value)]  # fmt: skip


def _packed(value: bytes) -> Iterator[int]:
    at = 0
    while at < len(value):
        number, at = wire.varint(value, at)
        yield number


# -- checksums --------------------------------------------------------------------------------------


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)  # noqa: PLW2901
        table.append(byte)
    return tuple(table)


_CRC32C = _table()


def masked_crc(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated and offset."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF

"""Feetech's protocol 0 as bytes: instructions in, status packets out, and a log of what was said."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PING, READ, WRITE, SYNC_READ, SYNC_WRITE = 0x01, 0x02, 0x03, 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff"
KEPT = 20_000


class Instruction(NamedTuple):
    """One packet from the host; `servo` is BROADCAST in a sync read or write."""

    servo: int
    code: int
    params: bytes


class Said(NamedTuple):
    """A logged packet: monotonic time in s, the instruction, and what each servo of it was told to write.

    With it how the arm stood when it came, by servo: positions in ticks, as the registers say them, and which servos
    had torque.
    """

    at: float
    code: int
    address: int
    writes: dict[int, bytes]
    positions: dict[int, int]
    torque: frozenset[int]

    def values(self, address: int, size: int) -> dict[int, int]:
        """What was written to `address`, raw, by servo; empty where this packet wrote something else."""
        at = address - self.address
        if self.code not in (WRITE, SYNC_WRITE) or at < 0:
            return {}
        found = {servo: data[at : at + size] for servo, data in self.writes.items() if len(data) >= at + size}
        return {servo: int.from_bytes(data, "little") for servo, data in found.items()}


def checksum(body: bytes) -> int:
    """Over everything between header and checksum."""
    return ~sum(body) & 0xFF


def status(servo: int, error: int, data: bytes = b"") -> bytes:
    """A status packet."""
    body = bytes((servo, len(data) + 2, error)) + data
    return HEADER + body + bytes((checksum(body),))


class Parser:
    """Cuts a byte stream into instructions; what has a wrong checksum is passed over, as servos do."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Instruction]:
        """The instructions that are complete now."""
        self._buffer += data
        while (at := self._buffer.find(HEADER)) >= 0 and len(self._buffer) >= at + 4:
            length = self._buffer[at + 3]
            if len(self._buffer) < at + 4 + length:
                return
            packet, self._buffer = self._buffer[at : at + 4 + length], self._buffer[at + 4 + length :]
            if length >= 2 and checksum(packet[2:-1]) == packet[-1]:
                yield Instruction(packet[2], packet[4], packet[5:-1])


class PacketLog:
    """The newest packets, and with a path all of them, one line each, written on a thread of its own."""

    def __init__(self, path: Path | None = None) -> None:
        self._kept: deque[Said] = deque(maxlen=KEPT)
        self._lines: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        self._path = path
        self._thread = threading.Thread(target=self._write, daemon=True)
        if path is not None:
            self._thread.start()

    def note(
        self, code: int, address: int, writes: dict[int, bytes], positions: dict[int, int], torque: frozenset[int]
    ) -> None:
        """Log one packet."""
        said = Said(time.monotonic(), code, address, writes, positions, torque)
        self._kept.append(said)
        if self._path is not None:
            self._lines.put(said)

    def since(self, at: float = 0.0) -> list[Said]:
        """What was said from `at` (monotonic s) on, oldest first."""
        return [said for said in list(self._kept) if said.at >= at]

    def close(self) -> None:
        """Write what is left."""
        if self._path is not None:
            self._lines.put(None)
            self._thread.join(2.0)

    def _write(self) -> None:
        assert self._path is not None
        with self._path.open("a", encoding="ascii", buffering=1) as file:
            while (said := self._lines.get()) is not None:
                file.write(_line(said))


def _line(said: Said) -> str:
    """`TIME CODE ADDRESS SERVO=DATA ... @SERVO:POSITION,... +SERVO,...`: data and code hexadecimal, `+` has torque."""
    writes = "".join(f" {servo}={data.hex()}" for servo, data in said.writes.items())
    positions = ",".join(f"{servo}:{ticks}" for servo, ticks in said.positions.items())
    torque = ",".join(map(str, sorted(said.torque)))
    return f"{said.at:.6f} {said.code:02x} {said.address}{writes} @{positions} +{torque}\n"


def read_log(path: Path) -> list[Said]:
    """What a PacketLog wrote, oldest first; a last line that is being written is left out."""
    return [_said(line) for line in path.read_text("ascii").split("\n")[:-1]]


def _said(line: str) -> Said:
    at, code, address, *writes, positions, torque = line.split(" ")
    pairs = (word.partition("=") for word in writes)
    stood = (word.partition(":") for word in positions[1:].split(",") if word)
    return Said(
        float(at),
        int(code, 16),
        int(address),
        {int(servo): bytes.fromhex(data) for servo, _, data in pairs},
        {int(servo): int(ticks) for servo, _, ticks in stood},
        frozenset(int(servo) for servo in torque[1:].split(",") if servo),
    )

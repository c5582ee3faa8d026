"""Servos on one wire: they obey instructions, move their plant and answer, unless a fault keeps them from it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.sim.servos import registers as reg
from services.sim.servos.packets import (
    BROADCAST,
    PING,
    READ,
    SYNC_READ,
    SYNC_WRITE,
    WRITE,
    Instruction,
    PacketLog,
    status,
)
from services.sim.servos.plant import SPEED, Drive, Plant
from services.sim.servos.registers import Registers


@dataclass
class Faults:
    """What is wrong with a chain now."""

    drop: float = 0.0
    """Probability that a status packet is lost."""
    corrupt: float = 0.0
    """Probability that a byte of it is wrong."""
    late: list[float] = field(default_factory=list)
    """Seconds by which each of the next answers is late."""
    mute: set[int] = field(default_factory=set)
    """Servos that neither hear nor speak."""
    silent_until: float = 0.0
    """Monotonic time until which the whole chain neither hears nor speaks."""
    unpowered: bool = False
    """Until then it has no power either, and comes back without torque."""
    errors: dict[int, int] = field(default_factory=dict)
    """Error bits that a servo's status packets carry (LeRobot's SDK: 4 overheat, 32 overload)."""


class Chain:
    """The servos of one arm. Times are monotonic seconds; not safe for threads."""

    def __init__(self, ids: Iterable[int], plant: Plant, log: PacketLog, *, seed: int = 0) -> None:
        self.servos = {i: Registers(i) for i in ids}
        self.plant, self.log, self.faults = plant, log, Faults()
        self._random = random.Random(seed)
        self.move()
        for servo in self.servos.values():
            servo.put(reg.GOAL_POSITION, servo.get(reg.PRESENT_POSITION))

    # --- time -------------------------------------------------------------------------------------

    def move(self, now: float | None = None) -> None:
        """Let the plant move on, and measure."""
        now = time.monotonic() if now is None else now
        self._end_silence(now)
        powered = not self.faults.unpowered
        measured = self.plant.advance(now, {i: self._drive(s, powered) for i, s in self.servos.items()})
        for i, servo in self.servos.items():
            servo.put(reg.PRESENT_POSITION, round(measured[i].position) - servo.get(reg.HOMING_OFFSET))
            servo.put(reg.PRESENT_LOAD, measured[i].load)
            servo.put(reg.STATUS, self.faults.errors.get(i, 0), 1)

    def _drive(self, servo: Registers, powered: bool) -> Drive:
        low, high = servo.get(reg.MIN_POSITION), servo.get(reg.MAX_POSITION)
        goal = servo.get(reg.GOAL_POSITION)
        if low < high:
            goal = min(max(goal, low), high)
        return Drive(
            on=powered and bool(servo.get(reg.TORQUE_ENABLE, 1)),
            goal=goal + servo.get(reg.HOMING_OFFSET),
            gain=servo.get(reg.P_GAIN, 1),
            speed=abs(servo.get(reg.GOAL_VELOCITY)) or SPEED,
            limit=servo.get(reg.TORQUE_LIMIT),
        )

    def _end_silence(self, now: float) -> None:
        if self.faults.unpowered and now >= self.faults.silent_until:
            self.faults.unpowered = False
            for servo in self.servos.values():
                here = servo.get(reg.PRESENT_POSITION)
                servo.power_up()
                servo.put(reg.GOAL_POSITION, here)

    # --- packets ----------------------------------------------------------------------------------

    def answer(self, instruction: Instruction) -> tuple[bytes, float]:
        """The bytes that come back, and by how many seconds they are late."""
        now = time.monotonic()
        self.move(now)
        if now < self.faults.silent_until:
            return b"", 0.0
        packets = [self._spoil(packet) for packet in self._obey(instruction)]
        late = self.faults.late.pop(0) if packets and self.faults.late else 0.0
        return b"".join(packets), late

    def _obey(self, instruction: Instruction) -> list[bytes]:
        servo, code, params = instruction
        there = [i for i in self.servos if i not in self.faults.mute]
        meant = [i for i in there if servo in (i, BROADCAST)]
        match code:
            case _ if code == PING:
                return [self._status(i) for i in meant]
            case _ if code == READ:
                self.log.note(code, params[0], {})
                return [self._status(i, self._read(i, params)) for i in meant if servo != BROADCAST]
            case _ if code == WRITE:
                self._write(code, params[0], dict.fromkeys(meant, params[1:]))
                return [self._status(i) for i in meant if servo != BROADCAST]
            case _ if code == SYNC_READ:
                self.log.note(code, params[0], {})
                return [self._status(i, self._read(i, params)) for i in params[2:] if i in there]
            case _ if code == SYNC_WRITE:
                address, size, rest = params[0], params[1], params[2:]
                parts = {rest[at]: rest[at + 1 : at + 1 + size] for at in range(0, len(rest), size + 1)}
                self._write(code, address, {i: data for i, data in parts.items() if i in there})
        return []

    def _read(self, servo: int, params: bytes) -> bytes:
        return bytes(self.servos[servo].bytes[params[0] : params[0] + params[1]])

    def _write(self, code: int, address: int, writes: dict[int, bytes]) -> None:
        self.log.note(code, address, writes)
        for servo, data in writes.items():
            self.servos[servo].write(address, data)

    def _status(self, servo: int, data: bytes = b"") -> bytes:
        return status(servo, self.faults.errors.get(servo, 0), data)

    def _spoil(self, packet: bytes) -> bytes:
        if self._random.random() < self.faults.drop:
            return b""
        if self._random.random() < self.faults.corrupt:
            at = self._random.randrange(2, len(packet))
            return packet[:at] + bytes((packet[at] ^ 0x15,)) + packet[at + 1 :]
        return packet

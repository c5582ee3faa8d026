"""Servos on one wire: they obey instructions, move their plant and answer, unless a fault keeps them from it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
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
from services.sim.servos.plant import SPEED, Drive, Measured, Plant
from services.sim.servos.registers import Registers
from services.sim.servos.wear import Wear

FEEL_S = 0.05
"""Seconds between two looks at what the loads do to the servos."""


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
    """The servos of one arm, by their place on it. Times are monotonic seconds; not safe for threads.

    A servo answers to the id in its memory, which begins as its place and may be changed. `errors` and `mute` name
    places. At another baud rate than its own a servo hears nothing; `baud` says at which the host speaks.
    """

    def __init__(self, ids: Iterable[int], plant: Plant, log: PacketLog, *, seed: int = 0) -> None:
        self.servos = {i: Registers(i) for i in ids}
        self.wear = {i: Wear() for i in self.servos}
        self.plant, self.log, self.faults = plant, log, Faults()
        self.baud: Callable[[], int | None] = lambda: None
        self._random = random.Random(seed)
        self._drives: dict[int, Drive] = {}
        self._powered = True
        self._measured: Mapping[int, Measured] = {}
        self._felt_at, self._felt = 0.0, dict.fromkeys(self.servos, 0.0)
        self.move()
        for servo in self.servos.values():
            servo.put(reg.GOAL_POSITION, servo.get(reg.PRESENT_POSITION))

    # --- time -------------------------------------------------------------------------------------

    def drives(self, now: float) -> Mapping[int, Drive]:
        """What the servos do now; the same object as before where nothing changed. A loop calls it at each turn."""
        self._end_silence(now)
        powered = not self.faults.unpowered
        changed = [i for i, s in self.servos.items() if s.changed or powered is not self._powered]
        if changed:
            self._powered = powered
            self._drives = self._drives | {i: self._drive(i, powered) for i in changed}
        if now - self._felt_at >= FEEL_S:
            self._feel(now)
        return self._drives

    def move(self, now: float | None = None) -> None:
        """Let the plant move on, and measure."""
        now = time.monotonic() if now is None else now
        self._measured = self.plant.advance(now, self.drives(now))
        for i, servo in self.servos.items():
            position, load = self._measured[i]
            servo.measure(_position(servo, position), load, self._errors(i))

    def _drive(self, place: int, powered: bool) -> Drive:
        servo = self.servos[place]
        servo.changed = False
        low, high = servo.get(reg.MIN_POSITION), servo.get(reg.MAX_POSITION)
        goal = servo.get(reg.GOAL_POSITION)
        if low < high:
            goal = min(max(goal, low), high)
        return Drive(
            on=powered and bool(servo.get(reg.TORQUE_ENABLE, 1)),
            goal=goal + servo.get(reg.HOMING_OFFSET),
            gain=servo.get(reg.P_GAIN, 1),
            speed=abs(servo.get(reg.GOAL_VELOCITY)) or SPEED,
            limit=self.wear[place].limit(servo),
        )

    def _feel(self, now: float) -> None:
        """What the loads did since the last time; `drives` may change by it."""
        seconds, self._felt_at = now - self._felt_at if self._felt_at else 0.0, now
        measured = self.plant.advance(now, self._drives)
        for i, servo in self.servos.items():
            position, load = measured[i]
            speed = (position - self._felt[i]) / seconds if seconds > 0 else 0.0
            self._felt[i] = position
            self.wear[i].feel(servo, load, seconds)
            self.wear[i].show(servo, load, speed)

    def _end_silence(self, now: float) -> None:
        if self.faults.unpowered and now >= self.faults.silent_until:
            self.faults.unpowered = False
            for i, servo in self.servos.items():
                here = servo.get(reg.PRESENT_POSITION)
                servo.power_up()
                servo.put(reg.GOAL_POSITION, here)
                self.wear[i].status = 0

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
        there = self._hearing()
        meant = [place for i, place in there if servo in (i, BROADCAST)]
        alone = servo != BROADCAST
        match code:
            case _ if code == PING:
                return [self._status(place) for place in meant]
            case _ if code == READ:
                self._note(code, params[0], {})
                return [self._status(place, self._read(place, params)) for place in meant if alone]
            case _ if code == WRITE:
                answers = [self._status(place) for place in meant if alone]  # with the id that it had
                self._write(code, params[0], {i: params[1:] for i, place in there if place in meant})
                return answers
            case _ if code == SYNC_READ:
                self._note(code, params[0], {})
                asked = [place for wanted in params[2:] for i, place in there if i == wanted]
                return [self._status(place, self._read(place, params)) for place in asked]
            case _ if code == SYNC_WRITE:
                address, size, rest = params[0], params[1], params[2:]
                parts = {rest[at]: rest[at + 1 : at + 1 + size] for at in range(0, len(rest), size + 1)}
                self._write(code, address, {i: parts[i] for i, _ in there if i in parts})
        return []

    def _hearing(self) -> list[tuple[int, int]]:
        """Id and place of each servo that hears the host."""
        baud = self.baud()
        return [
            (servo.bytes[reg.ID], place)
            for place, servo in self.servos.items()
            if place not in self.faults.mute and baud in (None, servo.bytes[reg.BAUD])
        ]

    def _note(self, code: int, address: int, writes: dict[int, bytes]) -> None:
        """Log a packet, and how the servos stand when it comes."""
        servos = self.servos.values()
        positions = {servo.bytes[reg.ID]: servo.get(reg.PRESENT_POSITION) for servo in servos}
        torque = frozenset(servo.bytes[reg.ID] for servo in servos if servo.bytes[reg.TORQUE_ENABLE])
        self.log.note(code, address, writes, positions, torque)

    def _read(self, place: int, params: bytes) -> bytes:
        return bytes(self.servos[place].bytes[params[0] : params[0] + params[1]])

    def _write(self, code: int, address: int, writes: dict[int, bytes]) -> None:
        """By id."""
        self._note(code, address, writes)
        for place in [place for i, place in self._hearing() if i in writes]:
            servo = self.servos[place]
            before = servo.bytes[reg.GOAL_POSITION : reg.GOAL_POSITION + 2]
            servo.write(address, writes[servo.bytes[reg.ID]])
            if servo.bytes[reg.GOAL_POSITION : reg.GOAL_POSITION + 2] != before:
                self.wear[place].new_goal(servo)

    def _status(self, place: int, data: bytes = b"") -> bytes:
        return status(self.servos[place].bytes[reg.ID], self._errors(place), data)

    def _errors(self, place: int) -> int:
        return self.wear[place].status | self.faults.errors.get(place, 0)

    def _spoil(self, packet: bytes) -> bytes:
        if self._random.random() < self.faults.drop:
            return b""
        if self._random.random() < self.faults.corrupt:
            at = self._random.randrange(2, len(packet))
            return packet[:at] + bytes((packet[at] ^ 0x15,)) + packet[at + 1 :]
        return packet


def _position(servo: Registers, ticks: float) -> int:
    """What the servo says of a shaft at these ticks of the encoder: within a turn, unless it counts them."""
    position = round(ticks) - servo.get(reg.HOMING_OFFSET)
    return position if servo.bytes[reg.PHASE] & reg.WHOLE_TURNS else position % reg.TURN

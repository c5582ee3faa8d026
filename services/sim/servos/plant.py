"""What the servos of one arm move: a seam, and the simplest arm behind it.

Positions are the encoder's ticks (4096 a turn), before the homing offset is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from typing import NamedTuple, Protocol

SPEED = 3400.0
"""Ticks a second without a load."""
LAG_S = 0.05
FALL = 500.0
"""Ticks a second at which a loaded joint sinks when limp."""
SAG_GAIN = 16
"""The P gain at which a joint hangs `sag` ticks off its goal (LeRobot's so_follower writes 16)."""
LOAD_PER_TICK = 4
"""Load (thousandths of the stall torque) that hangs one tick off the goal at that gain."""

Ticks = Mapping[int, float]


class Drive(NamedTuple):
    """What a servo does now: torque on, goal in ticks, P gain, speed limit in ticks/s, torque limit in thousandths."""

    on: bool
    goal: float
    gain: int
    speed: float
    limit: int


class Measured(NamedTuple):
    """Where a servo's shaft is, in ticks, and its load in thousandths, signed."""

    position: float
    load: int = 0


class Plant(Protocol):
    """One arm: goals and torque in, positions and load out.

    One that a hand can move while it is limp has `put_by_hand` as HandPlant has it.
    """

    def advance(self, now: float, drives: Mapping[int, Drive]) -> Mapping[int, Measured]:
        """Where each driven servo is at `now` (monotonic s), driven like this since the last call."""


class SimplePlant:
    """Each joint by itself: first order towards goal + sag * 16 / P, sinking when limp, stopped by what it meets."""

    def __init__(self, start: Ticks, now: float = 0.0) -> None:
        self.position = dict(start)
        self.sag: dict[int, float] = {}
        """Ticks that a joint hangs off its goal at P 16, towards where it falls."""
        self.floor: dict[int, tuple[float, float]] = {}
        """Lowest and highest position that a joint reaches: a stop, a table, a held object."""
        self._now = now

    def advance(self, now: float, drives: Mapping[int, Drive]) -> Mapping[int, Measured]:
        """Move on to `now`."""
        seconds, self._now = max(0.0, now - self._now) if self._now else 0.0, now
        return {servo: self._move(servo, drive, seconds) for servo, drive in drives.items()}

    def _move(self, servo: int, drive: Drive, seconds: float) -> Measured:
        sag, position = self.sag.get(servo, 0.0), self.position[servo]
        load = abs(sag) * LOAD_PER_TICK
        if drive.on and load <= drive.limit:
            target = drive.goal + sag * SAG_GAIN / max(1, drive.gain)
            step = (target - position) * (1 - exp(-seconds / LAG_S))
            step = max(-drive.speed * seconds, min(drive.speed * seconds, step))
        else:
            step = FALL * seconds * ((sag > 0) - (sag < 0))
        low, high = self.floor.get(servo, (0.0, 4095.0))
        self.position[servo] = min(max(position + step, low), high)
        pull = int((drive.goal - self.position[servo]) * LOAD_PER_TICK) if drive.on else 0
        return Measured(self.position[servo], max(-drive.limit, min(drive.limit, pull)))


class HandPlant(SimplePlant):
    """A leader: a hand moves it while its torque is off. `hand` maps time since the start in s to ticks."""

    def __init__(self, start: Ticks, hand: Callable[[float], Ticks] | None = None) -> None:
        super().__init__(start)
        self.hand = self._usual = hand
        self._began = 0.0

    def put_by_hand(self, ticks: Ticks) -> None:
        """A hand puts these servos there from now on; none: `hand` goes on as it was in the beginning."""
        self.hand = (lambda _: ticks) if ticks else self._usual

    def advance(self, now: float, drives: Mapping[int, Drive]) -> Mapping[int, Measured]:
        """Where the hand has it at this very moment."""
        self._began = self._began or now
        held = dict(super().advance(now, drives))
        if self.hand is not None:
            for servo, ticks in self.hand(now - self._began).items():
                if servo in drives and not drives[servo].on:
                    self.position[servo] = ticks
                    held[servo] = Measured(ticks)
        return held

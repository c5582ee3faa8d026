"""What a load does to a servo: its temperature and current, and how it protects itself from overload and heat.

Feetech's memory table of the STS series (V3.7) and the specification of the ST-3215-C018 say: a load above
Overload_Torque for Protection_Time lowers the output to Protective_Torque, until the next new goal; above
Max_Temperature_Limit there is no output; Unloading_Condition says which of the two protections work; and Status shows
both. Assumed, since no document says so: Torque_Enable stays 1 in an overload and becomes 0 with heat; how fast a servo
warms up; that the bit for heat goes once it has cooled by COOLED.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from services.sim.servos import registers as reg
from services.sim.servos.registers import Registers

OVERHEAT, OVERLOAD = 4, 32
"""Bits of Status and Unloading_Condition."""
FULL = 1000
"""Load, thousandths: the torque at which it stalls."""
AMBIENT, RISE, WARMING_S = 25.0, 60.0, 150.0
"""Degrees Celsius; by how many a stalled servo gets warmer in the end; the time constant of that."""
COOLED = 5.0
STALL_A, CURRENT_UNIT_A = 2.7, 0.0065
"""Of the 12 V servo, and of Present_Current."""
MOVES = 10.0
"""Ticks a second from which a servo says that it moves."""


@dataclass
class Wear:
    """One servo's; `heat` is in degrees Celsius, `status` the bits that it shows."""

    heat: float = AMBIENT
    status: int = 0
    _above_s: float = 0.0
    _last: int = 0

    def feel(self, servo: Registers, load: int, seconds: float) -> None:
        """It bore this load (thousandths, signed) for so long: protect the servo where it is too much."""
        target = AMBIENT + RISE * (load / FULL) ** 2
        self.heat += (target - self.heat) * (1 - exp(-seconds / WARMING_S))
        before, works = self.status, servo.bytes[reg.UNLOADING]
        least, self._last = min(abs(load), abs(self._last)), load  # nobody knows what was between two looks
        over = least > servo.bytes[reg.OVERLOAD_TORQUE] * FULL // 100
        self._above_s = self._above_s + seconds if over else 0.0
        if self._above_s > servo.bytes[reg.PROTECTION_TIME] / 100 and works & OVERLOAD:
            self.status |= OVERLOAD
        most = servo.bytes[reg.MAX_TEMPERATURE]
        if self.heat >= most and works & OVERHEAT:
            self.status |= OVERHEAT
            servo.put(reg.TORQUE_ENABLE, 0, 1)
        elif self.heat < most - COOLED:
            self.status &= ~OVERHEAT
        servo.changed |= self.status != before

    def new_goal(self, servo: Registers) -> None:
        """A new position command ends the protection from overload."""
        self._above_s = 0.0
        servo.changed |= bool(self.status & OVERLOAD)
        self.status &= ~OVERLOAD

    def limit(self, servo: Registers) -> int:
        """The torque that it may give, in thousandths."""
        limit = servo.get(reg.TORQUE_LIMIT)
        return min(limit, servo.bytes[reg.PROTECTIVE_TORQUE] * FULL // 100) if self.status & OVERLOAD else limit

    def show(self, servo: Registers, load: int, speed: float) -> None:
        """Put what changes slowly into the servo's memory; `speed` is in ticks a second."""
        memory, whole = servo.bytes, min(round(abs(speed)), (1 << 15) - 1)
        raw = whole | 1 << 15 if speed < 0 and whole else whole
        memory[reg.PRESENT_VELOCITY : reg.PRESENT_VELOCITY + 2] = raw.to_bytes(2, "little")
        memory[reg.PRESENT_TEMPERATURE] = round(self.heat)
        memory[reg.MOVING] = abs(speed) >= MOVES
        current = round(abs(load) / FULL * STALL_A / CURRENT_UNIT_A)
        memory[reg.PRESENT_CURRENT : reg.PRESENT_CURRENT + 2] = current.to_bytes(2, "little")
        memory[reg.GOAL_POSITION_2 : reg.GOAL_POSITION_2 + 2] = memory[reg.GOAL_POSITION : reg.GOAL_POSITION + 2]

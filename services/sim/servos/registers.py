"""The memory of one STS3215: addresses, factory values, what may be written, what a power cycle keeps.

Addresses as in LeRobot 0.6.1, motors/feetech/tables.py; units and factory values as in Feetech's memory table of the
STS series (V3.7). Values are little endian.
"""

from __future__ import annotations

import struct

FIRMWARE_MAJOR, FIRMWARE_MINOR, MODEL, ID, BAUD = 0, 1, 3, 5, 6
MIN_POSITION, MAX_POSITION = 9, 11
MAX_TEMPERATURE, MAX_VOLTAGE, MIN_VOLTAGE, MAX_TORQUE = 13, 14, 15, 16
PHASE, UNLOADING = 18, 19
P_GAIN = 21
HOMING_OFFSET = 31
PROTECTIVE_TORQUE, PROTECTION_TIME, OVERLOAD_TORQUE = 34, 35, 36
EEPROM_END = 40
TORQUE_ENABLE, GOAL_POSITION, GOAL_VELOCITY, TORQUE_LIMIT, LOCK = 40, 42, 46, 48, 55
PRESENT_POSITION, PRESENT_VELOCITY, PRESENT_LOAD = 56, 58, 60
PRESENT_VOLTAGE, PRESENT_TEMPERATURE, STATUS, MOVING, PRESENT_CURRENT, GOAL_POSITION_2 = 62, 63, 65, 66, 69, 71

READ_ONLY = frozenset({*range(ID), *range(PRESENT_POSITION, GOAL_POSITION_2 + 2)})
"""Addresses that a WRITE leaves as they are."""
WHOLE_TURNS = 0x10
"""Bit of PHASE: the position counts turns, instead of staying within one."""
TURN = 4096
"""Ticks of a turn."""

SIGN_BIT = {
    **{HOMING_OFFSET: 11, GOAL_POSITION: 15, GOAL_VELOCITY: 15},
    **{PRESENT_POSITION: 15, PRESENT_VELOCITY: 15, PRESENT_LOAD: 10},
}
"""Sign-magnitude encoding: the bit that says minus."""

FACTORY = {
    **{FIRMWARE_MAJOR: (3, 1), FIRMWARE_MINOR: (10, 1), MODEL: (777, 2), 7: (250, 1), 8: (1, 1)},
    **{MIN_POSITION: (0, 2), MAX_POSITION: (4095, 2), MAX_TEMPERATURE: (70, 1), MAX_VOLTAGE: (140, 1)},
    **{MIN_VOLTAGE: (40, 1), MAX_TORQUE: (1000, 2), PHASE: (12, 1), UNLOADING: (44, 1), 20: (47, 1), P_GAIN: (32, 1)},
    **{22: (32, 1), 24: (16, 2), 26: (1, 1), 27: (1, 1), 28: (500, 2), 30: (1, 1)},
    **{PROTECTIVE_TORQUE: (20, 1), PROTECTION_TIME: (200, 1), OVERLOAD_TORQUE: (80, 1), 37: (10, 1), 38: (200, 1)},
    **{TORQUE_LIMIT: (1000, 2), LOCK: (1, 1), PRESENT_VOLTAGE: (120, 1), PRESENT_TEMPERATURE: (25, 1)},
}
"""Address: (value, bytes); everything else is 0."""

_WORD = struct.Struct("<H")


class Registers:
    """256 bytes. What is written below EEPROM_END while the lock is on is lost with the power, as in the servo."""

    def __init__(self, servo_id: int) -> None:
        self.bytes = bytearray(256)
        self.changed = True
        """Whether something was written since the owner last looked."""
        for address, (value, size) in FACTORY.items():
            self.put(address, value, size)
        self.put(ID, servo_id, 1)
        self._kept = bytearray(self.bytes[:EEPROM_END])

    def get(self, address: int, size: int = 2) -> int:
        """The value at `address`, its sign decoded."""
        raw = int.from_bytes(self.bytes[address : address + size], "little")
        bit = SIGN_BIT.get(address)
        if bit is None or not raw >> bit & 1:
            return raw
        return -(raw & ~(1 << bit))

    def put(self, address: int, value: int, size: int = 2) -> None:
        """Set the value at `address`, its sign encoded; neither the lock nor READ_ONLY matters."""
        bit = SIGN_BIT.get(address)
        raw = value if bit is None or value >= 0 else -value | 1 << bit
        self.bytes[address : address + size] = raw.to_bytes(size, "little")
        self.changed = True

    def measure(self, position: int, load: int, status: int) -> None:
        """Present position, load and status, which may change at each moment."""
        self.bytes[STATUS] = status
        _WORD.pack_into(self.bytes, PRESENT_POSITION, position if position >= 0 else -position | 1 << 15)
        _WORD.pack_into(self.bytes, PRESENT_LOAD, load if load >= 0 else -load | 1 << 10)

    def write(self, address: int, data: bytes) -> None:
        """What a WRITE instruction does."""
        unlocked = not self.bytes[LOCK]
        for at, value in enumerate(data, address):
            if at in READ_ONLY:
                continue
            self.bytes[at] = value
            if unlocked and at < EEPROM_END:
                self._kept[at] = value
        self.changed = True

    def keep(self) -> None:
        """What stands in the EEPROM now survives a loss of power."""
        self._kept[:] = self.bytes[:EEPROM_END]

    def power_up(self) -> None:
        """As after a loss of power: the EEPROM as it was kept, the rest as from the factory; so no torque."""
        volts = self.bytes[PRESENT_VOLTAGE]
        self.bytes[EEPROM_END:] = Registers(self._kept[ID]).bytes[EEPROM_END:]
        self.bytes[:EEPROM_END] = self._kept
        self.bytes[PRESENT_VOLTAGE] = volts
        self.put(TORQUE_LIMIT, self.get(MAX_TORQUE))

"""The memory of one STS3215: addresses, factory values, what a power cycle keeps.

Addresses as in LeRobot 0.6.1, motors/feetech/tables.py. Values are little endian.
"""

from __future__ import annotations

FIRMWARE_MAJOR, FIRMWARE_MINOR, MODEL, ID = 0, 1, 3, 5
MIN_POSITION, MAX_POSITION = 9, 11
P_GAIN = 21
HOMING_OFFSET = 31
EEPROM_END = 40
TORQUE_ENABLE, GOAL_POSITION, GOAL_VELOCITY, TORQUE_LIMIT, LOCK = 40, 42, 46, 48, 55
PRESENT_POSITION, PRESENT_LOAD, STATUS = 56, 60, 65

SIGN_BIT = {HOMING_OFFSET: 11, GOAL_POSITION: 15, GOAL_VELOCITY: 15, PRESENT_POSITION: 15, PRESENT_LOAD: 10}
"""Sign-magnitude encoding: the bit that says minus."""

FACTORY = {
    **{FIRMWARE_MAJOR: (3, 1), FIRMWARE_MINOR: (10, 1), MODEL: (777, 2), 7: (250, 1), 8: (1, 1)},
    **{MIN_POSITION: (0, 2), MAX_POSITION: (4095, 2), 13: (70, 1), 14: (80, 1), 15: (40, 1), 16: (1000, 2)},
    **{18: (12, 1), 19: (44, 1), 20: (47, 1), P_GAIN: (32, 1), 22: (32, 1), 24: (16, 2), 26: (1, 1), 27: (1, 1)},
    **{28: (500, 2), 30: (1, 1), 34: (20, 1), 35: (200, 1), 36: (80, 1)},
    **{TORQUE_LIMIT: (1000, 2), LOCK: (1, 1), 62: (120, 1), 63: (30, 1)},
}
"""Address: (value, bytes); everything else is 0."""


class Registers:
    """256 bytes. What is written below EEPROM_END while the lock is on is lost with the power, as in the servo."""

    def __init__(self, servo_id: int) -> None:
        self.bytes = bytearray(256)
        for address, (value, size) in FACTORY.items():
            self.put(address, value, size)
        self.put(ID, servo_id, 1)
        self._kept = bytes(self.bytes)

    def get(self, address: int, size: int = 2) -> int:
        """The value at `address`, its sign decoded."""
        raw = int.from_bytes(self.bytes[address : address + size], "little")
        bit = SIGN_BIT.get(address)
        if bit is None or not raw >> bit & 1:
            return raw
        return -(raw & ~(1 << bit))

    def put(self, address: int, value: int, size: int = 2) -> None:
        """Set the value at `address`, its sign encoded; the lock does not matter."""
        bit = SIGN_BIT.get(address)
        raw = value if bit is None or value >= 0 else -value | 1 << bit
        self.bytes[address : address + size] = raw.to_bytes(size, "little")

    def write(self, address: int, data: bytes) -> None:
        """What a WRITE instruction does."""
        self.bytes[address : address + len(data)] = data
        if not self.bytes[LOCK]:
            self._kept = bytes(self.bytes[:EEPROM_END]) + self._kept[EEPROM_END:]

    def keep(self) -> None:
        """What stands in the EEPROM now survives a loss of power."""
        self._kept = bytes(self.bytes)

    def power_up(self) -> None:
        """As after a loss of power: the EEPROM as it was kept, the rest as from the factory; so no torque."""
        fresh = Registers(self._kept[ID])
        self.bytes[:EEPROM_END] = self._kept[:EEPROM_END]
        self.bytes[EEPROM_END:] = fresh.bytes[EEPROM_END:]

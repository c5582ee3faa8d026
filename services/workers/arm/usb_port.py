"""Which USB device is behind a serial port, and where it is after it was unplugged and plugged in again."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from services.sim.servos.port import ALIVE
from sessions.locks import is_held

PSEUDO_TERMINALS = "/dev/pts/"

Identity = tuple[int | None, int | None, str]
"""USB vendor, product and serial number."""


class NotSure(Exception):
    """It cannot be known where the device is now; the message says why, `answer` what to do."""

    def __init__(self, text: str, answer: str) -> None:
        super().__init__(text)
        self.answer = answer


class UsbPort:
    """The device that is behind `path` now. Its serial number counts only if no other device has the same."""

    def __init__(self, path: str) -> None:
        self.path = path
        there = list_ports.comports()
        self._identity = _unlike_others(self._here(there), there)
        self._known = {port.device for port in there}

    def find(self, taken: Collection[str]) -> str:
        """The path at which it is to be opened now; empty where it is not there.

        `taken` are the real paths of the bench's other arms. Without a serial number only the configured path counts,
        whose links are followed anew. Raises NotSure.
        """
        self._check_emulator()
        there = [port for port in list_ports.comports() if port.device not in taken]
        if self._identity is None:
            return self._same_path(there, taken)
        found = [port.device for port in there if _identity(port) == self._identity]
        if len(found) > 1:
            raise NotSure(
                f"{' and '.join(sorted(found))} have the same serial number {self._identity[2]}",
                "unplug the one that is not this arm",
            )
        if not found and self._here(there) is not None:
            raise NotSure(f"another device is at {self.path} now", "plug in the one from before")
        return found[0] if found else ""

    def _check_emulator(self) -> None:
        """A link to a pseudo-terminal may lead to somebody else's by now. Raises NotSure."""
        alive = Path(self.path).with_name(ALIVE)
        if os.path.realpath(self.path).startswith(PSEUDO_TERMINALS) and alive.exists() and not is_held(alive):
            raise NotSure("the emulated servos are gone, with the process that had them", "start another session")

    def _here(self, there: Collection[ListPortInfo]) -> ListPortInfo | None:
        names = (self.path, os.path.realpath(self.path))
        return next((port for port in there if port.device in names), None)

    def _same_path(self, there: Collection[ListPortInfo], taken: Collection[str]) -> str:
        if not os.path.exists(self.path):
            new = sorted(port.device for port in there if port.device not in self._known)
            if not new:
                return ""
            raise NotSure(
                f"{' and '.join(new)} is new, but without a serial number of its own it cannot be known for this arm",
                f"plug it in again so that it becomes {self.path}, or end the session and correct `port` in lab.toml",
            )
        if os.path.realpath(self.path) in taken:
            raise NotSure(f"{self.path} leads to another arm of this bench now", "plug it in again")
        return self.path


def _identity(port: ListPortInfo) -> Identity:
    return port.vid, port.pid, port.serial_number or ""


def _unlike_others(port: ListPortInfo | None, there: Collection[ListPortInfo]) -> Identity | None:
    """The port's identity; None where it has no serial number, or one that others have, too, as cheap adapters do."""
    if port is None or not port.serial_number:
        return None
    return _identity(port) if [_identity(p) for p in there].count(_identity(port)) == 1 else None

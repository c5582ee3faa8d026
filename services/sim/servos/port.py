"""A serial port that is a pseudo-terminal behind a link, so that it can be pulled out and come back elsewhere."""

from __future__ import annotations

import os
import pty
import termios
import tty
from contextlib import suppress
from pathlib import Path

BAUDS = {
    **{termios.B1000000: 0, termios.B500000: 1, termios.B115200: 4, termios.B57600: 5, termios.B38400: 6},
    termios.B19200: 7,
}
"""A servo's Baud_Rate by the terminal's speed, as in LeRobot 0.6.1, motors/feetech/tables.py."""
ALIVE = "alive"
"""Beside the ports, locked as long as their emulator lives: a pseudo-terminal's number is given out again after it."""


class Port:
    """`link` points to the terminal while it is plugged in. The raw slave stays open: a host may come and go."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = -1
        self._slave = -1
        self._pulled: list[int] = []
        """The slaves of before, without their masters: as long as they are open nobody else gets their numbers."""
        self.plug()

    @property
    def plugged(self) -> bool:
        """Whether it is there."""
        return self.master >= 0

    @property
    def baud(self) -> int:
        """At which speed the host speaks, as a servo's Baud_Rate; -1 for one that no servo has."""
        return BAUDS.get(termios.tcgetattr(self._slave)[5], -1) if self.plugged else -1

    def plug(self) -> None:
        """Plug it in; the link's target is another one than the last time."""
        if self.plugged:
            return
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        fresh = self.link.with_name(f".{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.link)

    def unplug(self) -> None:
        """Pull it out: the link and the terminal go, and whoever has it open is hung up."""
        if not self.plugged:
            return
        self.link.unlink(missing_ok=True)
        os.close(self.master)
        self._pulled.append(self._slave)
        self.master = self._slave = -1

    def read(self) -> bytes:
        """What the host wrote; nothing where it wrote nothing."""
        try:
            return os.read(self.master, 4096)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data: bytes) -> None:
        """To the host; what it does not take is lost, as on a wire."""
        with suppress(BlockingIOError, OSError):
            os.write(self.master, data)

    def close(self) -> None:
        """Take it away."""
        self.unplug()
        while self._pulled:
            os.close(self._pulled.pop())

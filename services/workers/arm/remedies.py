"""What mends a device's error: known faults of ports, motors and files, recognized by their error and the system."""

from __future__ import annotations

import errno
import grp
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.error_text import causes, whole_reason
from services.text import clean

_DENIED, _GONE, _HELD = (errno.EACCES, errno.EPERM), (errno.ENOENT, errno.ENODEV, errno.ENXIO), (errno.EBUSY,)
_PORTS = ("serial/by-id/*", "ttyACM*", "ttyUSB*", "cu.usb*")
_PSEUDO = "/dev/pts/"
_MISSING_MOTOR = re.compile(r"^\s*- (\d+) \(expected model", re.MULTILINE)
_FOUND_MOTORS = re.compile(r"Full found motor list[^\n]*\n\s*\{\s*\d", re.MULTILINE)


@dataclass(frozen=True)
class Remedy:
    """`reason` replaces the error's own words unless it is empty; `answer` says what to do, or is empty."""

    reason: str = ""
    answer: str = ""


def remedy(error: Exception, path: str) -> Remedy:
    """What is known about an error of a device; `path` is its port or device file, if known."""
    text = "\n".join(str(link) for link in causes(error))
    if text.startswith("Error creating camera") and error.__cause__ is not None:
        return Remedy(whole_reason(error.__cause__))  # LeRobot puts the whole configuration before the reason
    if "motor check failed" in text:
        return _shared(path) or _motors(text)
    if "different firmware versions" in text:
        return Remedy()  # LeRobot names each motor's version, and what to do
    system = next((link for link in causes(error) if isinstance(link, OSError) and link.errno), None)
    number = system.errno if system is not None else None
    if number in _GONE and path:
        return Remedy(f"there is no device at {path}", _which_ports())
    if path and (number in _DENIED or _is_closed_to_us(path)):
        return Remedy(f"{path} may not be opened (permission denied)", _join_group(path))
    if shared := _shared(path):
        return Remedy(whole_reason(error), shared.answer)
    if number in _HELD:
        return Remedy(answer=f"another program uses it: `fuser {path}` names it" if path else "")
    if "Could not connect on port" in str(error) and error.__cause__ is not None:
        return Remedy(f"{path or 'its port'} cannot be opened: {whole_reason(error.__cause__)}", _which_ports())
    return Remedy()


def _shared(path: str) -> Remedy | None:
    """Where another program has the port open: it takes answers that were for this one."""
    holders = list(held_by(path)) if path else []
    return Remedy(answer=f"{path} is open in {' and in '.join(holders)}: end that program first") if holders else None


def _motors(text: str) -> Remedy:
    missing = [int(number) for number in _MISSING_MOTOR.findall(text)]
    if missing and not _FOUND_MOTORS.search(text):
        return Remedy(answer="no motor answers: check the power supply and the cable to the first motor")
    if missing:
        return Remedy(answer=f"check the cable to motor {missing[0]}, or set the ids with `lerobot-setup-motors`")
    return Remedy(answer="another kind of arm is on this port: correct `type` or `port` in lab.toml")


def _is_closed_to_us(path: str) -> bool:
    return os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK)


def _join_group(path: str) -> str:
    """How to get access to a device file: by its group, which distributions name differently (dialout, uucp, video)."""
    group = "video" if "video" in path else "dialout"
    with suppress(OSError, KeyError):
        own = grp.getgrgid(Path(path).stat().st_gid).gr_name
        group = group if own in ("root", "tty") else own
    return f"add yourself to its group with `sudo usermod -aG {group} $USER`, then log in again"


def _which_ports() -> str:
    found = sorted(str(path) for pattern in _PORTS for path in Path("/dev").glob(pattern))
    there = f"there is {', '.join(map(clean, found[:6]))}" if found else "no serial device is plugged in"
    return f"plug it in, or correct `port` in lab.toml ({there}; `lerobot-find-port` tells arms apart)"


def shared_ports(ports: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each port that another program has open, too: both read the motors' answers, each a part."""
    return tuple(
        f"{port} is open in {' and in '.join(holders)}, too: answers of the motors get lost"
        for port in ports
        if port and (holders := list(held_by(port)))
    )


def held_by(path: str) -> Iterator[str]:
    """The other programs that have the device file open, as far as this user may see; `process 4711 (python x.py)`.

    Without the one that has a pseudo-terminal's other side, as the emulator of an arm has: it is the device.
    """
    real = os.path.realpath(path)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            pid = int(link.parts[2])
            if pid == os.getpid() or str(link.readlink()) != real or _is_behind(link.parent.parent, real):
                continue
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):  # it ended meanwhile, or belongs to somebody else
            continue
        yield f"process {pid} ({clean(command).strip()[:60]})"


def _is_behind(process: Path, terminal: str) -> bool:
    """Whether the process (its folder in /proc) has the other side of this pseudo-terminal. Raises OSError."""
    index = terminal.removeprefix(_PSEUDO)
    if index == terminal:
        return False
    return any(f"tty-index: {index}" in _lines(info) for info in (process / "fdinfo").iterdir())


def _lines(info: Path) -> list[str]:
    try:
        return [" ".join(line.split()) for line in info.read_text("ascii", errors="replace").splitlines()]
    except OSError:  # closed meanwhile
        return []

"""Cameras on USB as Linux describes them, without opening one: which device, how fast, and what is wrong with that.

Two equal cameras may swap their device files when a hub is reset, and a camera in a slow port delivers fewer pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from services.text import clean

DEVICES = Path("/dev")
SYSFS = Path("/sys/class/video4linux")
"""What Linux knows of each video device."""
USB = Path("/sys/bus/usb/devices")
"""What it knows of each USB device."""
BY_PORT = "v4l/by-path"
"""In DEVICES: links that name each video device by its USB port."""
USB_2, USB_3 = 480, 5000
"""Mbit/s; faster kinds of USB 3 have more."""
INTEL = "8086"


@dataclass(frozen=True)
class UsbCamera:
    """A video device as Linux describes it."""

    at: str
    """Its path in sysfs, which names the USB port: it ends with `1-2.3`."""
    part: str
    """The USB interface: a device may have several cameras."""
    product: tuple[str, str, str]
    """USB vendor, product and serial number, each empty where it is not known."""
    unique: bool = field(compare=False, default=False)
    """Whether it has a serial number that no other camera has now; cheap webcams all have the same."""
    too_slow: int = field(compare=False, default=0)
    """The Mbit/s of a port that is slower than the camera can be; 0 otherwise, or where it is not known."""

    def is_same(self, before: UsbCamera) -> bool:
        """Whether it is the camera from before, maybe at another port if its serial number is its own."""
        known = self.unique and before.unique and (self.part, self.product) == (before.part, before.product)
        return known or self == before

    def __str__(self) -> str:
        vendor, product, serial = self.product
        name = " ".join(part for part in (f"{vendor}:{product}".strip(":"), serial) if part)
        return clean(f"{name} at USB port {Path(self.at).name}".strip())


def camera_file(place: object) -> str:
    """The device file of LeRobot's `index_or_path`; empty for another camera."""
    text = "" if place is None else str(place)
    return f"/dev/video{text}" if text.isdecimal() else text if text.startswith("/") else ""


def usb_camera(file: str) -> UsbCamera | None:
    """The camera that is behind a device file now; None where Linux says nothing of it."""
    real = Path(os.path.realpath(file))
    found = _described(real.name) if file and real.parent == Path(os.path.realpath(DEVICES)) else None
    if found is None or not found.product[2]:
        return found
    others = [_described(path.name) for path in SYSFS.iterdir()]
    twins = {other.at for other in others if other is not None and other.product == found.product}
    return UsbCamera(found.at, found.part, found.product, unique=twins == {found.at}, too_slow=found.too_slow)


def name_by_port(file: str) -> str:
    """The link that names a video device by its USB port; empty where there is none."""
    links = sorted((DEVICES / BY_PORT).glob("*"))
    return next((str(link) for link in links if os.path.realpath(link) == os.path.realpath(file)), "")


def _described(name: str) -> UsbCamera | None:
    device = SYSFS / name / "device"
    if not device.exists():
        return None
    interface = Path(os.path.realpath(device))
    vendor, product, serial = (_text(interface.parent / key) for key in ("idVendor", "idProduct", "serial"))
    port, _, part = interface.name.partition(":")
    speed, version = _number(interface.parent / "speed"), _number(interface.parent / "version")
    slow = speed if 0 < speed < (USB_3 if version > 2.0 else USB_2) else 0.0
    return UsbCamera(str(interface.with_name(port)), part, (vendor, product, serial), too_slow=int(slow))


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""


def _number(path: Path) -> float:
    """USB's `speed` (Mbit/s) or `version`, of which 2.10 says that a device at a USB 2 port could be faster."""
    with suppress(ValueError):
        return float(_text(path))
    return 0.0


# --- what to know before a session ------------------------------------------------------------------


def camera_warnings(cameras: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each camera of a bench in a slow port, and for equal cameras that are not named by their port.

    `cameras` are LeRobot's tables by name. Reads sysfs only; a camera that is not plugged in has no sentence.
    """
    files = {name: camera_file(table.get("index_or_path")) for name, table in cameras.items()}
    found = {name: camera for name, file in files.items() if (camera := usb_camera(file)) is not None}
    slow = [slow_port(name, each.too_slow, cameras[name]) for name, each in found.items() if each.too_slow]
    realsense = {name: table for name, table in cameras.items() if table.get("type") == "intelrealsense"}
    return (*slow, *_slow_realsense(realsense), *_equal(files, found))


def slow_port(name: str, speed: int, table: Mapping[str, Any]) -> str:
    """`wrist is on USB 2 (480 Mbit/s): 640x480 at 30 fps may not arrive; plug it into a USB 3 port`."""
    has = all(key in table for key in ("width", "height", "fps"))
    pictures = f"{table['width']}x{table['height']} at {table['fps']} fps" if has else "its pictures"
    usb = "USB 2" if speed == USB_2 else "a slow USB port"
    return clean(f"{name} is on {usb} ({speed} Mbit/s): {pictures} may not arrive; plug it into a USB 3 port")


def _slow_realsense(cameras: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The serial number that names a RealSense is not the one of its USB device: several cannot be told apart here."""
    speeds = list(_realsense_speeds())
    slow = [speed for speed in speeds if 0 < speed < USB_3]
    if not slow or not cameras:
        return
    if len(slow) == len(speeds):
        yield from (slow_port(name, min(slow), table) for name, table in cameras.items())
    else:
        yield f"{len(slow)} of {len(speeds)} RealSense cameras on USB 2: pictures may not arrive; use USB 3 ports only"


def _realsense_speeds() -> Iterator[int]:
    for device in sorted(USB.glob("*")):
        if _text(device / "idVendor") == INTEL and "RealSense" in _text(device / "product"):
            yield int(_number(device / "speed"))


def _equal(files: Mapping[str, str], found: Mapping[str, UsbCamera]) -> Iterator[str]:
    """Cameras whose serial numbers do not tell them apart; those that are named by their port are meant already."""
    usb = [name for name, camera in found.items() if any(camera.product)]  # one on the board has no product
    twins = ((a, b) for a, b in combinations(usb, 2) if found[a].product == found[b].product)
    for pair in twins:
        if found[pair[0]].at != found[pair[1]].at and not all(BY_PORT in files[name] for name in pair):
            yield f"{pair[0]} and {pair[1]} are equal cameras, whose device files may swap; {_by_port(pair, files)}"


def _by_port(names: Iterable[str], files: Mapping[str, str]) -> str:
    ports = {name: name_by_port(files[name]) for name in names}
    shown = ", ".join(f"{name} {port}" for name, port in ports.items() if port)
    return f"name them in lab.toml by their USB port{f': {shown}' if shown else f' (/dev/{BY_PORT}/...)'}"

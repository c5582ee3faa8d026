"""Which USB device is behind a camera's device file: two equal cameras may swap their files when a hub is reset."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.text import clean
from services.workers.arm.device_problem import DeviceProblem

DEVICES = Path("/dev")
SYSFS = Path("/sys/class/video4linux")
"""What Linux knows of each video device."""


class AnotherCamera(DeviceProblem):
    """Another camera is where the one from before was; the message says how they differ."""


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

    def is_same(self, before: UsbCamera) -> bool:
        """Whether it is the camera from before, maybe at another port if its serial number is its own."""
        known = self.unique and before.unique and (self.part, self.product) == (before.part, before.product)
        return known or self == before

    def __str__(self) -> str:
        vendor, product, serial = self.product
        name = " ".join(part for part in (f"{vendor}:{product}".strip(":"), serial) if part)
        return clean(f"{name} at USB port {Path(self.at).name}".strip())


def usb_camera(file: str) -> UsbCamera | None:
    """The camera that is behind a device file now; None where Linux says nothing of it."""
    real = Path(os.path.realpath(file))
    found = _described(real.name) if file and real.parent == Path(os.path.realpath(DEVICES)) else None
    if found is None or not found.product[2]:
        return found
    others = [_described(path.name) for path in SYSFS.iterdir()]
    twins = {other.at for other in others if other is not None and other.product == found.product}
    return UsbCamera(found.at, found.part, found.product, unique=twins == {found.at})


def check_same(before: UsbCamera | None, file: str) -> UsbCamera | None:
    """What is at `file` now. Raises AnotherCamera if that is surely not, or not surely, the one from before."""
    now = usb_camera(file)
    if before is None or (now is not None and now.is_same(before)):
        return now
    seen = f"it is {now}, not {before}" if now is not None else f"nothing is known of it, and before it was {before}"
    raise AnotherCamera(f"another camera is at {file}: {seen}; plug each into the USB port that it had")


def _described(name: str) -> UsbCamera | None:
    device = SYSFS / name / "device"
    if not device.exists():
        return None
    interface = Path(os.path.realpath(device))
    vendor, product, serial = (_text(interface.parent / key) for key in ("idVendor", "idProduct", "serial"))
    port, _, part = interface.name.partition(":")
    return UsbCamera(str(interface.with_name(port)), part, (vendor, product, serial))


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""

"""Whether the camera that is at a device file now is the one from before."""

from __future__ import annotations

from services.bench.usb_cameras import UsbCamera, name_by_port, usb_camera
from services.workers.arm.device_problem import DeviceProblem


class AnotherCamera(DeviceProblem):
    """Another camera is where the one from before was; the message says how they differ."""


def check_same(before: UsbCamera | None, file: str) -> UsbCamera | None:
    """What is at `file` now. Raises AnotherCamera if that is surely not, or not surely, the one from before."""
    now = usb_camera(file)
    if before is None or (now is not None and now.is_same(before)):
        return now
    seen = f"it is {now}, not {before}" if now is not None else f"nothing is known of it, and before it was {before}"
    port = name_by_port(file)
    name = f"; from the next session on, `index_or_path` can name the port that it has now: {port}" if port else ""
    raise AnotherCamera(f"another camera is at {file}: {seen}; plug each into the USB port that it had{name}")

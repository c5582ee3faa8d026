"""A camera of stripes that is listed by its serial number as LeRobot's RealSenseCamera is, which needs its SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lerobot.cameras import CameraConfig

from tests.support.stripedcamera import StripedCamera, StripedCameraConfig


@CameraConfig.register_subclass("striped_realsense")
@dataclass
class RealSenseCameraConfig(StripedCameraConfig):
    serial_number_or_name: str = ""


class RealSenseCamera(StripedCamera):
    plugged_in: ClassVar[set[str]] = set()
    """The serial numbers that the SDK lists."""
    usb: ClassVar[str] = "3.2"
    """The version of the ports that they are in."""

    def __init__(self, config: RealSenseCameraConfig) -> None:
        super().__init__(config)
        self.serial_number = config.serial_number_or_name

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        return [
            {"id": serial, "usb_type_descriptor": RealSenseCamera.usb} for serial in sorted(RealSenseCamera.plugged_in)
        ]

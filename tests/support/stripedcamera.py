"""A LeRobot camera without hardware: moving stripes, and with `use_depth` a depth map. Importing it registers it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from lerobot.cameras import Camera, CameraConfig
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError


@CameraConfig.register_subclass("striped_camera")
@dataclass
class StripedCameraConfig(CameraConfig):
    use_rgb: bool = True
    use_depth: bool = False
    broken: str = ""
    """Why it does not connect."""
    dies_after_s: float = 1e9


class StripedCamera(Camera):
    def __init__(self, config: StripedCameraConfig) -> None:
        super().__init__(config)
        self.config, self.use_rgb, self.use_depth = config, config.use_rgb, config.use_depth
        self.connected = False
        self.dead = False
        self._since = 0.0

    def __str__(self) -> str:
        return f"StripedCamera({id(self)})"

    @property
    def is_connected(self) -> bool:
        return self.connected

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        return []

    def connect(self, warmup: bool = True) -> None:
        if self.connected:
            raise DeviceAlreadyConnectedError(f"{self} is already connected.")
        if self.config.broken:
            raise ConnectionError(self.config.broken)
        self.connected, self._since = True, time.monotonic()

    def read(self, color_mode: Any = None) -> Any:
        return self.read_latest()

    def async_read(self, timeout_ms: float = 200) -> Any:
        return self.read_latest()

    def read_latest(self, max_age_ms: int = 500) -> Any:
        self._check()
        k = int(time.monotonic() * 30)
        picture = np.full((self.height, self.width, 3), 60 + k % 120, np.uint8)
        picture[k % self.height] = 255
        return picture

    def read_latest_depth(self, max_age_ms: int = 500) -> Any:
        self._check()
        k = int(time.monotonic() * 30)
        depth = np.full((self.height, self.width, 1), 700 + k % 120, np.uint16)
        depth[k % self.height] = 1500
        return depth

    def _check(self) -> None:
        if not self.connected:
            raise DeviceNotConnectedError(f"{self} is not connected.")
        if self.dead or time.monotonic() - self._since > self.config.dies_after_s:
            raise RuntimeError(f"{self} read thread is not running.")

    def disconnect(self) -> None:
        self.connected = False

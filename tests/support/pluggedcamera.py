"""A camera of stripes behind a device file, which comes and goes with its cable. Importing it registers it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lerobot.cameras import CameraConfig

from tests.support.stripedcamera import StripedCamera, StripedCameraConfig


@CameraConfig.register_subclass("plugged_camera")
@dataclass
class PluggedCameraConfig(StripedCameraConfig):
    index_or_path: str = ""
    gives_width: int | None = None
    """What it really gives, once it is connected."""


class PluggedCamera(StripedCamera):
    def __init__(self, config: PluggedCameraConfig) -> None:
        super().__init__(config)
        self.file, self._gives = config.index_or_path, config.gives_width

    def connect(self, warmup: bool = True) -> None:
        if not os.path.exists(self.file):
            raise ConnectionError(f"{self.file} cannot be opened.")
        super().connect(warmup)
        self.width = self._gives or self.width

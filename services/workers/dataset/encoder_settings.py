"""How a recording encodes its cameras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lerobot.configs import RGBEncoderConfig

from services.datasets.lock import DatasetProblem
from services.near import did_you_mean


@dataclass(frozen=True)
class EncoderSettings:
    """How the cameras are encoded. LeRobot does not store this, so it is passed at every open.

    `queue` is how many frames of each camera may wait in memory; `options` are further fields of LeRobot's
    RGBEncoderConfig (crf, g, pix_fmt, extra_options).
    """

    vcodec: str = "h264"
    preset: str | int | None = "ultrafast"
    threads: int | None = 1
    queue: int = 30
    options: Mapping[str, Any] = field(default_factory=dict)

    def config(self) -> RGBEncoderConfig:
        """LeRobot's encoder configuration. Raises DatasetProblem if this machine cannot encode so."""
        try:
            return RGBEncoderConfig(vcodec=self.vcodec, preset=self.preset, **self.options)
        except (ValueError, TypeError) as error:
            known = [field.name for field in dataclasses.fields(RGBEncoderConfig)]
            unknown = next((key for key in self.options if key not in known), "")
            reason = f"the video encoder {self.vcodec} cannot be used: {error}{did_you_mean(unknown, known)}"
            raise DatasetProblem(reason) from error

"""What a training was made of, by content: fingerprints that are the same on any machine, under any name."""

from __future__ import annotations

import msgspec

SHOWN = 12
"""Hexadecimal digits shown of a fingerprint; files and `--json` have all."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Fingerprints (hexadecimal), each empty where it is not known, as in older files.

    `data` is of the episodes that are learnt from and the pictures of the cameras that are not left out
    (services.datasets.revision), `configuration` of what LeRobot was told but for places
    (services.checkpoints.settings), `calibration` of the arms' calibrations while the episodes were recorded, `policy`
    of the policy that it began with, if it lies on this disk (services.checkpoints.weights).
    """

    data: str = ""
    configuration: str = ""
    calibration: str = ""
    policy: str = ""

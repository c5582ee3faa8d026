"""Fingerprints of the arms' calibration files, as LeRobot keeps them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def fingerprints(devices: dict[str, Any]) -> dict[str, str]:
    """SHA-256 (hexadecimal) of each calibration file's bytes, by the name of its device.

    LeRobot (0.6.1, robots/robot.py, teleoperators/teleoperator.py) keeps one file per arm, `calibration_fpath`. A
    bimanual device has none itself: its arms are attributes (utils/bimanual.py), named like `follower left_arm` here.
    Devices without a file, such as simulated ones, are left out.
    """
    files = {name: path for device, part in devices.items() for name, path in _files(device, part)}
    return {name: digest for name, path in files.items() if (digest := _digest(path))}


def _files(name: str, device: Any) -> Iterator[tuple[str, Path]]:
    yield name, device.calibration_fpath
    for attribute, part in vars(device).items():
        if isinstance(path := getattr(part, "calibration_fpath", None), Path):
            yield f"{name} {attribute}", path


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        logger.warning("the calibration in %s cannot be read: %s", path, error)
        return ""

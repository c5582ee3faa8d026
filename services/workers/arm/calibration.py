"""The arms' calibration files, as LeRobot keeps them: their fingerprints, and the command that makes one anew."""

from __future__ import annotations

import hashlib
import logging
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.workers.arm.parts import arms_of
from sessions.calibration import JointCalibration

logger = logging.getLogger(__name__)


def fingerprints(devices: dict[str, Any]) -> dict[str, str]:
    """SHA-256 (hexadecimal) of each calibration file's bytes, by the name of its device.

    LeRobot (0.6.1, robots/robot.py, teleoperators/teleoperator.py) keeps one file per arm, `calibration_fpath`. A
    bimanual device has none itself: its arms are attributes (utils/bimanual.py), named like `follower left_arm` here.
    Devices without a file, such as simulated ones, are left out.
    """
    files = {name: path for device, part in devices.items() for name, path in _files(device, part)}
    return {name: digest for name, path in files.items() if (digest := _digest(path))}


def follower_joints(robot: Any) -> dict[str, JointCalibration]:
    """What the calibration of each of the follower's motors says, in ticks; empty for a robot without one."""
    return {
        f"{prefix}{motor}": JointCalibration(values.homing_offset, values.range_min, values.range_max)
        for prefix, arm in arms_of(robot).items()
        for motor, values in (getattr(arm, "calibration", None) or {}).items()
    }


def _files(name: str, device: Any) -> Iterator[tuple[str, Path]]:
    arms = arms_of(device)
    if "" in arms or not arms:
        yield name, device.calibration_fpath
        return
    for prefix, arm in arms.items():
        yield f"{name} {prefix}arm", arm.calibration_fpath


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        logger.warning("the calibration in %s cannot be read: %s", path, error)
        return ""


def calibrate_command(config: Any, arm_id: str | None, name: str, prefix: str, table: Mapping[str, Any]) -> str:
    """How to calibrate one arm of the device `name`, whose part of lab.toml is `table`, from the arm's own `config`.

    An arm of two is calibrated as a device of one arm, under the id that LeRobot gives it (`ID_left`): that writes the
    file which the pair reads.
    """
    kind = "robot" if name == "follower" else "teleop"
    options = {
        "type": table.get("type") if not prefix else getattr(config, "type", "..."),
        "port": getattr(config, "port", None) or table.get("port", "..."),
        "id": arm_id or table.get("id"),
        "calibration_dir": getattr(config, "calibration_dir", None),
    }
    words = [shlex.quote(f"--{kind}.{key}={value}") for key, value in options.items() if value]
    return " ".join(["lerobot-calibrate", *words])

"""LeRobot's calibration file of an emulated arm, as `lerobot-calibrate` would have written it."""

from __future__ import annotations

import json
from pathlib import Path

from services.sim.servos import registers as reg
from services.sim.servos.emulator import JOINTS, EmulatedArm


def write_calibration(arm: EmulatedArm, folder: Path) -> Path:
    """Write `folder`/NAME.json (LeRobot's `calibration_dir` and `id`); returns its path."""
    servos = arm.chain.servos
    table = {
        name: {
            "id": i,
            "drive_mode": 0,
            "homing_offset": servos[i].get(reg.HOMING_OFFSET),
            "range_min": servos[i].get(reg.MIN_POSITION),
            "range_max": servos[i].get(reg.MAX_POSITION),
        }
        for i, name in enumerate(JOINTS, start=1)
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{arm.name}.json"
    path.write_text(json.dumps(table, indent=4), "utf-8")
    return path

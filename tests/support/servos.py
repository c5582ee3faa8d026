"""Emulated SO-101 arms for tests, and LeRobot's own devices on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lerobot.motors.feetech import feetech
from lerobot.robots.so_follower import SO101Follower, SO101FollowerConfig
from lerobot.teleoperators.so_leader import SO101Leader, SO101LeaderConfig

from services.sim.servos.calibration import write_calibration
from services.sim.servos.emulator import JOINTS, EmulatedArm, Emulator

CALIBRATION = "calibration"


@contextmanager
def emulated(*arms: str, **options: Any) -> Iterator[Emulator]:
    """A running emulator with arms by these names, `:leader` for a leader, and their calibration beside them."""
    with tempfile.TemporaryDirectory(prefix="servos-") as folder:
        emulator = Emulator(Path(folder))
        for word in arms:
            name, _, kind = word.partition(":")
            write_calibration(emulator.add(name, leader=kind == "leader", **options), emulator.folder / CALIBRATION)
        emulator.start()
        try:
            yield emulator
        finally:
            emulator.close()


def wait_longer(monkeypatch: pytest.MonkeyPatch, milliseconds: float = 200.0) -> None:
    """Let LeRobot wait longer than 50 ms for an answer: on a busy machine the emulator may be later by itself."""
    wait = feetech.patch_setPacketTimeout

    def patiently(port: Any, length: int) -> None:
        wait(port, length)
        port.packet_timeout += milliseconds

    monkeypatch.setattr(feetech, "patch_setPacketTimeout", patiently)


def table(emulator: Emulator, name: str) -> dict[str, Any]:
    """The part of a lab.toml that describes the arm."""
    kind = "so101_leader" if "leader" in name else "so101_follower"
    calibration = str(emulator.folder / CALIBRATION)
    return {"type": kind, "id": name, "port": str(emulator.folder / name), "calibration_dir": calibration}


def follower(emulator: Emulator, name: str = "follower") -> Any:
    """LeRobot's follower, not connected."""
    options = {k: v for k, v in table(emulator, name).items() if k != "type"}
    options["calibration_dir"] = Path(options["calibration_dir"])
    return SO101Follower(SO101FollowerConfig(**options, disable_torque_on_disconnect=False))


def leader(emulator: Emulator, name: str = "leader") -> Any:
    """LeRobot's leader, not connected."""
    options = {k: v for k, v in table(emulator, name).items() if k != "type"}
    options["calibration_dir"] = Path(options["calibration_dir"])
    return SO101Leader(SO101LeaderConfig(**options))


def torque(emulator: Emulator, name: str = "follower") -> str:
    """Torque of ids 1 to 6, as `111111`."""
    return "".join("1" if on else "0" for on in emulator.look(name).torque.values())


def id_of(joint: str) -> int:
    """A joint's servo."""
    return JOINTS.index(joint) + 1


def goals_written(arm: EmulatedArm, since: float = 0.0) -> list[dict[int, int]]:
    """Every write of Goal_Position, raw, by servo, oldest first."""
    return [v for said in arm.log.since(since) if (v := said.values(42, 2))]


def torque_written(arm: EmulatedArm, since: float = 0.0) -> list[dict[int, int]]:
    """Every write of Torque_Enable by servo, oldest first."""
    return [v for said in arm.log.since(since) if (v := said.values(40, 1))]

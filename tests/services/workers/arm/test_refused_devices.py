"""An arm that cannot be connected: every kind of session says which, why and what to do, and touches no torque."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial
from scservo_sdk import port_handler

from services.sim.servos import control
from services.sim.servos.emulator import Emulator
from services.workers.arm import connect_arm, serial_bus
from sessions.models import SessionStatus
from tests.support.checkpoints import make_copycat
from tests.support.servo_session import EvalSession, RecordSession, ServoSession, profile
from tests.support.servos import torque, torque_written

Start = Callable[[Path, Emulator], ServoSession]


def bench_session(root: Path, emulator: Emulator) -> ServoSession:
    return ServoSession(root, profile(emulator))


def recording(root: Path, emulator: Emulator) -> ServoSession:
    return RecordSession(root, profile(emulator))


def evaluation(root: Path, emulator: Emulator) -> ServoSession:
    policy = make_copycat(root / "policy" / "000010", np.zeros((2, 6)))
    return EvalSession(root, profile(emulator), policy)


@pytest.fixture(params=[bench_session, recording, evaluation])
def start(request: pytest.FixtureRequest) -> Start:
    made: Start = request.param
    return made


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often it is tried is not what is tested here."""
    monkeypatch.setattr(serial_bus, "CONFIGURING_RETRIES", 1)
    monkeypatch.setattr(connect_arm, "CONNECTS", 1)


@contextmanager
def open_elsewhere(path: Path) -> Iterator[int]:
    """Another program has it open."""
    code = f"import os; os.open({str(path)!r}, os.O_RDWR | os.O_NOCTTY); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield other.pid
        other.communicate(b"\n")


def refusal(start: Start, root: Path, bench: Emulator) -> str:
    status, reason = start(root, bench).end()
    assert status is SessionStatus.ABORTED
    assert torque(bench) == "000000" and not torque_written(bench.arms["follower"])
    return reason


def test_why_an_arm_cannot_be_connected_is_the_sessions_end(
    bench: Emulator, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = bench.folder / "follower"
    found = "The follower is as it was found: torque is off"

    bench.do(control.SetRegister(arm="follower", servo=4, address=3, value=1284))
    wrong_model = refusal(start, tmp_path / "1", bench)
    assert wrong_model.startswith("follower: FeetechMotorsBus motor check failed on port ")
    assert "Motors with incorrect model numbers" in wrong_model
    assert "4 (wrist_flex): expected 777, found 1284" in wrong_model
    assert f"another kind of arm is on this port: correct `type` or `port` in lab.toml. {found}" in wrong_model
    bench.do(control.SetRegister(arm="follower", servo=4, address=3, value=777))

    bench.do(control.Mute(arm="follower", servos=(6,)))
    wrong_id = refusal(start, tmp_path / "2", bench)
    assert "Missing motor IDs" in wrong_id and "6 (expected model: 777)" in wrong_id
    assert "check the cable to motor 6, or set the ids with `lerobot-setup-motors`" in wrong_id
    with open_elsewhere(port) as pid:
        held = refusal(start, tmp_path / "3", bench)
        assert f"{port} is open in process {pid} ({sys.executable} -c" in held
        assert "end that program first" in held
    bench.do(control.Mute(arm="follower"))

    def denied(**options: object) -> None:
        path = options["port"]
        raise serial.SerialException(errno.EACCES, f"could not open port {path}: {os.strerror(errno.EACCES)}")

    monkeypatch.setattr(port_handler.serial, "Serial", denied)  # root may open everything
    closed = refusal(start, tmp_path / "4", bench)
    assert closed.startswith(f"follower: {port} may not be opened (permission denied); add yourself to its group with ")

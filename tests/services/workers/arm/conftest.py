"""Emulated arms on serial ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.sim.servos.emulator import Emulator
from tests.support.servo_session import end_sessions
from tests.support.servos import emulated


@pytest.fixture(autouse=True)
def _no_session_stays() -> Iterator[None]:
    yield
    end_sessions()


@pytest.fixture
def bench() -> Iterator[Emulator]:
    """A follower and a leader, which LeRobot's own drivers find."""
    with emulated("follower", "leader:leader") as made:
        yield made
        end_sessions()  # before the ports are somebody else's

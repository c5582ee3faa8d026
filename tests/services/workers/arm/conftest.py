"""Emulated arms on serial ports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.sim.servos.emulator import Emulator
from tests.support.servos import emulated


@pytest.fixture
def bench() -> Iterator[Emulator]:
    """A follower and a leader, which LeRobot's own drivers find."""
    with emulated("follower", "leader:leader") as made:
        yield made

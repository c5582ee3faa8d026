"""A console that is told to leave while it still takes in its screens."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.rig import CONSOLE
from tests.support.terminal import Terminal


@pytest.mark.parametrize("after_ms", [0, 40, 80, 120, 160, 200, 250, 300, 400, 600])
def test_a_console_ended_in_its_first_moments_leaves_in_order(tmp_path: Path, after_ms: int) -> None:
    terminal = Terminal([*CONSOLE, "demo"], env={"LAB_CONSOLE_HOME": str(tmp_path)})
    try:
        terminal.wait_until(lambda: b"lab console" in terminal.raw, 30)
        time.sleep(after_ms / 1000)
        terminal.kill(signal.SIGTERM)
        assert terminal.wait(10) == 0
        assert b"Traceback" not in terminal.raw and b"Error" not in terminal.raw
    finally:
        terminal.close()

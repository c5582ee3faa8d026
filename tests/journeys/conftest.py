"""An operator at the demo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo_desk import DemoDesk


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoDesk]:
    """The demo's data, and whatever consoles the test opens on it."""
    made = DemoDesk(tmp_path / "home")
    yield made
    made.close()

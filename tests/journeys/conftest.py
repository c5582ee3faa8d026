"""An operator at the demo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo_desk import DemoDesk
from tests.support.zygote import Zygote


@pytest.fixture
def demo(tmp_path: Path, zygote: Zygote) -> Iterator[DemoDesk]:
    """The demo's data, and whatever consoles the test opens on it; their workers start in a moment."""
    made = DemoDesk(tmp_path / "home", zygote.console)
    yield made
    made.close()


@pytest.fixture
def cold_demo(tmp_path: Path) -> Iterator[DemoDesk]:
    """The same, with workers that load everything themselves."""
    made = DemoDesk(tmp_path / "home")
    yield made
    made.close()

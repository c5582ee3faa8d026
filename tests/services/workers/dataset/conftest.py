"""The warm process that recorders are forked from; it loads LeRobot while the other tests run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.doomed import Doomed


@pytest.fixture(scope="package")
def doomed() -> Iterator[Doomed]:
    """Recorders to kill."""
    made = Doomed()
    yield made
    made.close()

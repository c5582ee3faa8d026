"""What a report says of LeRobot's policies is what LeRobot 0.6.1 does."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from services.report.training_part import PREPARED


@pytest.mark.parametrize("policy", PREPARED)
def test_the_policy_resizes_its_pictures_with_padding(policy: str) -> None:
    found = find_spec("lerobot")
    assert found is not None and found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0], "policies", policy)
    source = "".join(path.read_text() for path in folder.glob("modeling_*.py"))
    assert re.search(r"= resize_with_pad(_torch)?\(", source)

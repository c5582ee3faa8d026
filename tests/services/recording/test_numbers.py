"""Numbers that no recording can have are refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.bench.profiles import load_benches
from services.folders import DataFolder
from services.recording import plan as recording
from services.refusal import Refusal


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"episodes": 2**64}, "episodes must be at most 1000000000"),
        ({"episodes": 0}, "episodes must be at least 1, not 0"),
        ({"fps": 0}, "fps must be at least 1, not 0"),
        ({"fps": 1_000_000}, "fps must be at most 240, not 1e+06"),
        ({"episode_seconds": float("inf")}, "episode seconds must be at most 1000000000, not inf"),
        ({"episode_seconds": float("nan")}, "episode seconds must be at least"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"seed": 2**32}, "seed must be at most 4294967295"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(tmp_path: Path, asked: dict[str, float], why: str) -> None:
    profile = load_benches(built_in=True).pick("sim")
    with pytest.raises(Refusal) as refused:
        recording.plan(DataFolder(tmp_path).create(), profile, dataset="cubes", task="t", **asked)  # type: ignore[arg-type]
    assert str(refused.value).startswith(why)

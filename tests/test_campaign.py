"""The fault campaign in short: `tests.bench.campaign` makes hundreds of these tries.

Kills of recording workers: tests/services/workers/recording/test_crash.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import services.live.launch
from tests.bench.campaign import run_part
from tests.support.zygote import Zygote

SHORT = {"note writers": 2, "marks": 1, "notes": 1, "verdicts": 1, "servos: power cycle": 1}


@pytest.mark.parametrize("part", SHORT)
async def test_nothing_that_was_acknowledged_is_lost_and_nothing_hangs(
    part: str, tmp_path: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.live.launch, "spawn", zygote.spawn)
    count = await run_part(part, SHORT[part], tmp_path)
    assert count.tried == SHORT[part]
    assert count.acknowledged >= count.tried, count.notes
    assert (count.lost, count.hung) == (0, 0), count.notes

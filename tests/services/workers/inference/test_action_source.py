"""The control loop's end of a policy that answers too late: how long the arm waits, and what is said then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.workers.inference.action_source import ActionSource, PolicyFailed

FPS = 30
FEATURES: dict[str, Any] = {"action": {"dtype": "float32", "shape": (1,), "names": ["shoulder_pan.pos"]}}


class SlowPolicy:
    """A process that gave one chunk of eight actions, and thinks for 3.2 s about the next."""

    def __init__(self) -> None:
        self.loaded, self.ready = SimpleNamespace(steps=8, overlap=0), SimpleNamespace(ms=10.0)
        self.infer_ms, self.dead, self.busy, self.gave_up = 10.0, False, False, ""
        self.asked = 0

    def reset(self, seed: int | None) -> None: ...

    def poll(self, timeout_s: float = 0.0) -> None: ...

    def ask(self, frame: dict[str, Any], rows: int) -> None:
        self.asked, self.busy = self.asked + 1, True

    def answer(self) -> np.ndarray | None:
        if self.asked > 1 or not self.busy:
            return None
        self.busy, self.infer_ms = False, 3200.0
        return np.arange(8, dtype=np.float32)[:, None]

    def give_up(self, why: str) -> None:
        self.gave_up = why


def test_a_policy_too_slow_to_move_the_arm_fails_after_three_seconds_and_how_slow_it_is_is_said() -> None:
    policy = SlowPolicy()
    source = ActionSource(policy, FEATURES, {}, fps=FPS, lockstep=False)  # type: ignore[arg-type]
    source.begin_trial({}, None)
    assert source.first() == {"shoulder_pan": 0.0}
    poses = [source.act({}) for _ in range(8 + 3 * FPS)]
    assert [pose for pose in poses if pose is not None] == [{"shoulder_pan": float(each)} for each in range(8)]
    said = "the policy gave no action for 3 s (its last inference took 3200 ms)"
    with pytest.raises(PolicyFailed) as failed:
        source.act({})
    assert str(failed.value) == policy.gave_up == said and not failed.value.died
    assert policy.asked == 2, "nobody asks a policy that has not answered"

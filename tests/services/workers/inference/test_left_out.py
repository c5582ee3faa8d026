"""Policies without one of their cameras: those that can act as LeRobot has them act, the others say what they lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.compatibility import fit_known
from services.checkpoints.wiring import blamed, wired
from services.error_text import whole_reason
from sessions.slots import Wiring
from tests.services.workers.inference.test_runner import TOP, WRIST, frames, of_lerobot, of_ours
from tests.support.checkpoints import make_checkpoint, make_smolvla

LACKED = "observation.images.side"


def without(key: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != key} for each in frames()]


def test_a_smolvla_acts_without_a_camera_as_lerobots_own_does(tmp_path: Path) -> None:
    renames = {WRIST: "observation.images.camera1", TOP: "observation.images.camera2"}
    path = make_smolvla(tmp_path / "run" / "000010", renames)
    found = wired(checkpoints.read(path), Wiring(without=("wrist",)))
    fits = fit_known(found, {"top": {"shape": (48, 64, 3)}})
    assert not fits.problems
    assert "the policy was trained with wrist and runs without: what it does then is not what it learnt" in fits.notes
    ours, theirs = of_ours(path, without(WRIST)), of_lerobot(path, without(WRIST))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.abs(ours - of_ours(path, frames())).max() > 1e-3, "the camera mattered"


def test_a_policy_that_fails_for_a_camera_says_which(tmp_path: Path) -> None:
    """An ACT whose statistics lack a camera of its configuration: as if it had been trained on without it."""
    path = make_checkpoint(tmp_path / "run" / "000010", cube=False, cameras={"wrist": (96, 72), "side": (96, 72)})
    (state,) = path.glob("policy_preprocessor*.safetensors")
    save_file({key: value for key, value in load_file(state).items() if not key.startswith(LACKED)}, state)
    found = checkpoints.read(path)
    assert found.cameras == ("wrist",) and LACKED in found.inputs
    with pytest.raises(KeyError) as failed:
        of_ours(path, without(TOP))
    said = blamed(found, whole_reason(failed.value), [WRIST])
    assert said == (
        ": its configuration lists camera side, which its training did not have, and act cannot do without (it was "
        "given wrist): take one whose training had all of them"
    )
    assert not blamed(found, "out of memory", [WRIST])

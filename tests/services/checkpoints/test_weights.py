"""Whether the policy at a path is the one that was there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.checkpoints.weights import SAMPLE, WHOLE, fingerprint, other_weights, weights_of
from services.workers.evaluate import _check_weights
from services.workers.process.run_worker import CannotStart
from sessions.models import SessionKind
from sessions.requests import EvalRequest
from tests.support import facts


def test_it_tells_by_content_and_not_by_place_or_time(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "config.json").write_text('{"type": "act"}')
        (folder / "model.safetensors").write_bytes(b"\1" * 2 * WHOLE)
    (two / "lab-console.json").write_text("{}")
    os.utime(two / "model.safetensors", (1, 1))
    assert fingerprint(one) == fingerprint(two)
    known = weights_of([str(one)])
    assert other_weights(known) == []
    (one / "config.json").write_text('{"type": "acT"}')
    assert other_weights(known) == [str(one)]


def test_a_training_step_is_told_in_a_file_of_which_samples_are_read(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    seen = set()
    for fill in range(2):  # every weight is another one
        weights.write_bytes(bytes([fill]) * 2 * WHOLE)
        os.utime(weights, ns=(fill, fill))
        seen.add(fingerprint(tmp_path))
    for at in (0, 2 * WHOLE - SAMPLE):  # so are the header's bytes and the last
        content = bytearray(2 * WHOLE)
        content[at + 5] = 7
        weights.write_bytes(content)
        os.utime(weights, ns=(at + 9, at + 9))
        seen.add(fingerprint(tmp_path))
    weights.write_bytes(bytes(2 * WHOLE + 1))
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 5


def test_the_scripted_person_is_what_its_name_says() -> None:
    assert weights_of(["sim-scripted@0.8"]) == {"sim-scripted@0.8": "sim-scripted@0.8"}


def test_a_worker_does_not_run_a_policy_that_was_written_anew_since_it_was_asked_for(tmp_path: Path) -> None:
    pretrained = tmp_path / "act" / "checkpoints" / "000500" / "pretrained_model"
    pretrained.mkdir(parents=True)
    (pretrained / "model.safetensors").write_bytes(b"1")
    asked = facts.request(
        SessionKind.EVAL, checkpoint=str(pretrained), weights=weights_of([str(pretrained), "sim-scripted@1"])
    )
    assert isinstance(asked, EvalRequest)
    _check_weights(asked)
    (pretrained / "model.safetensors").write_bytes(b"2")
    with pytest.raises(CannotStart, match="act @ 000500 was written anew since this evaluation was begun"):
        _check_weights(asked)
    (pretrained / "model.safetensors").unlink()
    pretrained.rmdir()
    with pytest.raises(CannotStart, match=r"cannot be read: No such file"):
        _check_weights(asked)

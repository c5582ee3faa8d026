"""A policy is known by content as it was loaded; what is not as its training saved it is said."""

from __future__ import annotations

from pathlib import Path

from services.checkpoints.checkpoint import Checkpoint, Provenance
from services.checkpoints.weights import fingerprint
from services.workers.evaluation.setup import other_than_saved, weights_loaded
from sessions.models import SessionKind
from sessions.requests import EvalRequest
from tests.support import facts


def request(**more: object) -> EvalRequest:
    asked = facts.request(SessionKind.EVAL, checkpoint="/c", **more)
    assert isinstance(asked, EvalRequest)
    return asked


def test_the_fingerprint_is_of_what_was_loaded_here(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    policy = Checkpoint(path=tmp_path, policy="act")
    assert weights_loaded(request(weights={"/c": "aa"}), "/c", policy) == "aa", "the worker has compared it"
    assert weights_loaded(request(), "/c", policy) == fingerprint(tmp_path)
    assert weights_loaded(request(weights={"/c": "aa"}, server_path="/there"), "/c", policy) == ""
    assert weights_loaded(request(), "/c", Checkpoint(path=tmp_path / "gone", policy="act")) == ""


def test_weights_that_the_training_beside_did_not_save_are_noted(tmp_path: Path) -> None:
    kept = Provenance(session="20260217-142000-0001", weights="aa")
    policy = Checkpoint(path=tmp_path, policy="act", provenance=kept)
    (note,) = other_than_saved(policy, "bb")
    assert note == "its weights are not those that session 20260217-142000-0001 saved: they were changed since"
    unknown = Checkpoint(path=tmp_path, policy="act")
    assert (
        not other_than_saved(policy, "aa") and not other_than_saved(policy, "") and not other_than_saved(unknown, "bb")
    )

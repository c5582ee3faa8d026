"""Links follow what a checkpoint holds first, and where it lies second."""

from __future__ import annotations

from typing import Any

import msgspec

from services.log.kinship.kin import Kin
from services.log.kinship.links import origins, results
from services.log.page import page
from sessions.blinding import hidden
from sessions.document import Session
from sessions.lineage import Lineage
from sessions.models import SessionKind
from sessions.requests import EvalRequest
from tests.support import facts

ELSEWHERE = "/mnt/stick/act_v2/checkpoints/020000/pretrained_model"
OLD, OTHER = "20260217-142000-0001", "20260218-142000-0002"


def trained(session_id: str = OLD, *weights: str, output: str = "/data/outputs/train/act_v2", **more: Any) -> Session:
    saved = tuple(facts.checkpoint_saved(step, weights=each) for step, each in enumerate(weights, 1))
    training = facts.training(checkpoints=saved, output_dir=output, **more)
    return facts.session(session_id, kind=SessionKind.TRAIN, training=training)


def tried(path: str = facts.CHECKPOINT, weights: str = "", **more: Any) -> Session:
    known = {path: weights} if weights else {}
    return facts.session("20260219-142000-0003", kind=SessionKind.EVAL, checkpoint=path, weights=known, **more)


def test_a_checkpoint_that_was_moved_or_copied_is_found_by_what_it_holds() -> None:
    made, evaluation = trained(OLD, "aa", "bb"), tried(ELSEWHERE, "bb")
    (found,) = origins(evaluation, [evaluation, made])
    assert (found.session, found.what) == (made, "trained act_v2 @ 020000, as what it holds tells")
    assert [link.session for link in results(made, [evaluation, made])] == [evaluation]


def test_a_path_that_holds_other_weights_by_now_is_not_the_same() -> None:
    made, other = trained(OLD, "aa"), trained(OTHER, "cc", output="/data/outputs/train/other")
    evaluation = tried(weights="cc")
    (found,) = origins(evaluation, [evaluation, other, made])
    assert found.session == other
    assert results(made, [evaluation, other, made]) == []
    (found,) = origins(tried(weights="dd", trained_in=OLD), [made])
    assert (found.session, found.what) == (made, "saved other weights than act_v2 @ 020000")
    assert results(made, [tried(weights="dd", trained_in=OLD)]) == []


def test_the_tree_has_an_evaluation_below_the_checkpoint_that_it_holds_wherever_that_lies_now() -> None:
    made = trained(OLD, "aa", "bb")
    assert made.training is not None
    first, second = (saved.path for saved in made.training.checkpoints)
    moved, other = tried(ELSEWHERE, "bb"), tried(first, "zz", trained_in=OLD)
    kin = Kin([made, moved])
    assert [each.last for each in kin.tried(made, second)] == [moved] and kin.tried(made, first) == []
    assert kin.movers(moved) == [(second, made)]
    kin = Kin([made, other])
    assert kin.movers(other) == [(first, None)] and not kin.used(made)


def test_a_training_that_went_on_from_a_moved_checkpoint_is_linked_with_its_training() -> None:
    made, other = trained(OLD, "aa"), trained(OTHER, "cc", output="/data/outputs/train/other")
    further = facts.session(
        "20260220-142000-0004", kind=SessionKind.TRAIN, policy=ELSEWHERE, at=facts.BEGAN + 9,
        training=facts.training(lineage=Lineage(policy="aa"), output_dir="/data/outputs/train/further"),
    )  # fmt: skip
    log = [further, other, made]
    assert made in [link.session for link in origins(further, log)]
    assert further in [link.session for link in results(made, log)] and further not in [
        link.session for link in results(other, log)
    ]
    assert Kin(log).parent(further) == made


def test_where_a_log_knows_no_fingerprint_the_path_tells_as_before() -> None:
    for made, evaluation in (
        (trained(OLD, "", ""), tried(weights="cc")),
        (trained(OLD, "aa"), tried()),
        (trained(OLD), tried(weights="cc")),
    ):
        (found,) = origins(evaluation, [made])
        assert (found.session, found.what) == (made, "trained act_v2 @ 020000")
        assert [link.session for link in results(made, [evaluation])] == [evaluation]


def test_pages_show_the_fingerprints_and_a_blinded_one_none() -> None:
    def rows(session: Session) -> list[str]:
        return [row.text for part in page(session).sections for row in part.rows if row.name == "by content"]

    kept = Lineage(data="d" * 64, configuration="c" * 64)
    assert rows(trained(lineage=kept)) == [f"data {'d' * 12}, configuration {'c' * 12}"]
    evaluation = tried(weights="e" * 64)
    assert rows(evaluation) == [f"act_v2 @ 020000: weights {'e' * 12}"]
    assert isinstance(evaluation.request, EvalRequest)
    secret = hidden(msgspec.structs.replace(evaluation.request, blinded=True))
    blind = Session(started=msgspec.structs.replace(evaluation.started, request=secret))
    assert rows(blind) == [] and "e" * 12 not in str(page(blind))
    assert rows(trained()) == rows(tried()) == []
    assert rows(tried(weights="e" * 64, server="localhost:8080", server_path="/there")) == [], (
        "what it loaded is not known"
    )

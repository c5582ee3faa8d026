"""A dataset's life: its levels, what is joined in them, and what the log does not have."""

from __future__ import annotations

import msgspec

from screens.views.life_rows import line, rows
from services.log.kinship.lean import Leaner
from services.log.kinship.life import Kind, Node, grown, life, names
from services.log.kinship.links import Relation, origins, results
from services.refusal import Refusal
from sessions.conditions import Condition
from sessions.document import Session
from sessions.facts import TrainingResumed
from sessions.models import Episode, SessionKind, Trial, Verdict
from sessions.recorded import RecordedRecording
from tests.support import facts
from tests.support.runs import ended, session_id

RUN = "/data/outputs/train/act_v2"
EPISODES = tuple(Episode(index=n, take=n + 1, frames=200, seconds=6.0, accepted=n != 2) for n in range(5))


def path(step: int, run: str = RUN) -> str:
    return f"{run}/checkpoints/{step:06}/pretrained_model"


def recording(number: int = 1, **more: object) -> Session:
    return facts.session(session_id(number), at=facts.BEGAN + number, episodes=EPISODES, **more)


def training(number: int = 2, run: str = RUN, policy: str = "act", **more: object) -> Session:
    steps = (5000, 10_000, 20_000)
    saved = [facts.checkpoint_saved(step, path=f"{run}/checkpoints/{step:06}", loss=1 / step) for step in steps]
    made = facts.training(loss=0.006, output_dir=run, policy=policy, checkpoints=tuple(saved))
    return facts.session(
        session_id(number), at=facts.BEGAN + number * 100, ended=facts.BEGAN + number * 100 + 7200,
        kind=SessionKind.TRAIN, training=made, policy=policy, **more,
    )  # fmt: skip


def evaluation(number: int = 3, *, checkpoint: str = path(20_000), **more: object) -> Session:
    successes = [Trial(index=n, verdict=Verdict.SUCCESS) for n in range(1, 5)]
    trials = (*successes, Trial(index=5, verdict=Verdict.FAILURE, failure_mode="drops"))
    return facts.session(
        session_id(number), at=facts.BEGAN + number * 10_000, kind=SessionKind.EVAL, checkpoint=checkpoint,
        trials=more.pop("trials", trials), **more,
    )  # fmt: skip


def drawn(tree: Node, width: int = 300) -> list[str]:
    return ["".join(text for text, _ in line(row, width)) for row in rows([tree])]


def ids(relations: list[Relation]) -> list[str]:
    return [each.session.id if each.session else each.what for each in relations]


def every(tree: Node) -> list[Node]:
    return [tree, *(node for child in tree.children for node in every(child))]


def test_recordings_trainings_checkpoints_and_evaluations_stand_below_one_another_with_their_numbers() -> None:
    said = drawn(life([evaluation(), recording(), training()], "cubes"))
    assert said[0].startswith("cubes  4 accepted episodes · 24 s of data")
    assert said[1].startswith("├─ recorded 2026-02-17") and "4 kept, 1 rejected" in said[1]
    assert said[2].startswith("└─ act_v2  loss 0.006") and "20,000 steps" in said[2] and "2 h 00 m" in said[2]
    assert said[3].startswith("   ├─ 2 further checkpoints  @ 005000, @ 010000")
    assert said[4].startswith("   └─ @ 020000")
    assert (
        said[5].startswith("      └─ evaluated 2026-02-17")
        and "4/5 · 80 % [38, 96]" in said[5]
        and "1x drops" in said[5]
    )
    assert len(said) == 6


def test_an_evaluation_over_two_sessions_is_one_node_and_each_checkpoint_has_its_own_numbers() -> None:
    both = [Trial(index=1, verdict=Verdict.SUCCESS, checkpoint=path(20_000)),
            Trial(index=2, verdict=Verdict.FAILURE, checkpoint=path(10_000))]  # fmt: skip
    first = evaluation(3, trials=tuple(both), further_checkpoints=(path(10_000),))
    second = evaluation(4, trials=tuple(both), further_checkpoints=(path(10_000),), resumes=first.id)
    nodes = every(life([recording(), training(), first, second], "cubes"))
    told = [[value.text for value in node.values] for node in nodes if node.kind is Kind.EVALUATION]
    assert [values[0] for values in told] == ["0/2", "2/2"]
    assert all("in 2 sessions" in values for values in told)


def test_a_training_that_went_on_is_one_node_and_one_from_its_checkpoint_stands_below_that() -> None:
    went = facts.session(session_id(9), kind=SessionKind.TRAIN)
    resumed = TrainingResumed(step=5000, steps=20_000, checkpoint="", reached=5100, wanted=20_000, ended=ended())
    made = training()
    assert made.training is not None
    made = msgspec.structs.replace(made, training=msgspec.structs.replace(made.training, resumed=(resumed,)))
    tuned = training(5, run="/data/outputs/train/tuned", policy=path(10_000), dataset="balls")
    said = drawn(life([recording(), made, tuned, went], "cubes"))
    assert sum(" act_v2  " in each for each in said) == 1 and any("resumed at step 5,000" in each for each in said)
    at = next(n for n, each in enumerate(said) if "@ 010000" in each)
    assert "tuned  on balls" in said[at + 1] and "went on from act_v2 @ 010000" in said[at + 1]


def test_what_the_log_does_not_have_is_named() -> None:
    foreign = training(policy="/elsewhere/outputs/train/base/checkpoints/001000/pretrained_model")
    late = evaluation(checkpoint=path(15_000))
    whole = life([foreign, late, evaluation(4, resumes="20260101-000000-0001", checkpoint=path(20_000))], "cubes")
    said = "\n".join(drawn(whole))
    assert "no session of this log recorded it: it came from elsewhere" in said
    assert "went on from base @ 001000, which no training of this log made" in said
    assert "@ 015000  ⚠ its session" in said or "@ 015000  its session does not list it" in said
    assert "begun in 20260101-000000-0001, which this log does not have" in said


def test_what_learnt_from_an_evaluations_motion_stands_below_it_and_a_circle_ends() -> None:
    one = training(2, policy=path(5000, "/data/outputs/train/other"))
    other = training(6, run="/data/outputs/train/other", policy=path(5000))
    own = evaluation(episodes=EPISODES, dataset="rollout_act_v2")
    learnt = training(7, run="/data/outputs/train/again", dataset="rollout_act_v2")
    tree = life([recording(), one, other, own, learnt], "cubes")
    ids = [node.session for node in every(tree) if node.kind is Kind.TRAINING]
    assert sorted(ids) == sorted({one.id, other.id, learnt.id}), "each once"
    below = next(node for node in every(tree) if node.kind is Kind.EVALUATION)
    assert [child.name for child in below.children] == ["rollout_act_v2"]
    motion = life([training(), own], "rollout_act_v2")
    assert "moved by act_v2 @ 020000, trained on cubes" in "\n".join(drawn(motion))


def test_a_blinded_evaluation_stays_hidden_and_text_from_outside_is_harmless() -> None:
    hidden = evaluation(checkpoint="A", further_checkpoints=("B",), blinded=True)
    bad = recording(operator="eve\x1b[31m\n")
    tree = life([bad, training(), hidden], "cubes")
    assert not [node for node in every(tree) if node.kind is Kind.EVALUATION]
    assert "\x1b" not in "".join(drawn(tree)) and "\n" not in "".join(drawn(tree))


def test_datasets_of_one_name_in_two_folders_have_a_tree_each_and_an_unknown_name_is_refused() -> None:
    log = [recording(), recording(2, data_dir="/other"), evaluation(conditions=(Condition(name="near"),))]
    trees = grown(log, "cubes", "/data")
    assert [len(tree.children) for tree in trees] == [1, 1]
    assert names(log) == ("cubes", "rollout_act_v2")
    try:
        grown(log, "cube", "/data")
    except Refusal as refusal:
        assert "did you mean cubes?" in str(refusal)
    else:
        raise AssertionError("not refused")


def test_a_dataset_that_was_made_of_another_stands_below_it_and_names_it() -> None:
    def copy(number: int, name: str, of: str) -> Session:
        begun = facts.started(session_id(number), dataset=name, at=facts.BEGAN + number)
        told = RecordedRecording(copy_of=of, kept=4, recorded=4)
        return facts.session(session_id(number), started=msgspec.structs.replace(begun, recording=told, imported="a"))

    log = [recording(), copy(2, "cubes_wrist", "cubes"), training(3, dataset="cubes_wrist"), copy(4, "lost", "gone")]
    said = drawn(life(log, "cubes"))
    assert any(line.startswith("└─ cubes_wrist") for line in said) and any("act_v2" in line for line in said)
    assert "a copy of cubes" in "\n".join(drawn(life(log, "cubes_wrist")))
    assert "a copy of gone, of which this log has no session" in "\n".join(drawn(life(log, "lost")))


def test_documents_without_what_is_not_needed_have_the_same_tree_and_links() -> None:
    log = [recording(), training(), evaluation(), training(5, policy=path(10_000)), evaluation(6)]
    assert log[1].training is not None
    begun = msgspec.structs.replace(log[1].training.started, config={"batch_size": 8})
    log[1] = msgspec.structs.replace(log[1], training=msgspec.structs.replace(log[1].training, started=begun))
    lean = Leaner()
    short = [lean.of(session) for session in log]
    assert life(short, "cubes") == life(log, "cubes")
    for one, other in zip(log, short, strict=True):
        for follow in (origins, results):
            assert ids(follow(one, log)) == ids(follow(other, short))
    assert short[1].training is not None and not short[1].training.started.config
    assert short[0].request.profile is short[2].request.profile
    read = msgspec.structs.replace(begun, config={"dataset": {"root": "/data/cubes", "fps": 30}, "batch_size": 8})
    elsewhere = msgspec.structs.replace(log[1].request, data_dir="")
    origin = msgspec.structs.replace(log[1].started, imported="/old/run", request=elsewhere)
    learnt = msgspec.structs.replace(log[1].training, started=read)
    imported = msgspec.structs.replace(log[1], started=origin, training=learnt)
    assert lean.of(imported).dataset_root == "/data/cubes", "of two datasets of one name, links tell which"


def test_a_line_is_never_wider_than_its_room() -> None:
    tree = life([evaluation(), recording(), training()], "cubes")
    for width in range(24, 130, 7):
        assert max(map(len, drawn(tree, width))) <= width
